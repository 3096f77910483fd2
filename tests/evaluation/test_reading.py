import numpy as np
import pandas as pd

from fedexperts.evaluation.reading import describe_result
from fedexperts.parameters import EvaluationSettings

SETTINGS = EvaluationSettings(calibration_bins=15, resamples=500, confidence=0.95, frontier=False)


def read(local, common, opted_out=0):
    rows = [
        {
            "client_id": client,
            "opted_out": client < opted_out,
            "unseen": False,
            "calibrated": False,
            "method": method,
            "test_set": test_set,
            "n": 100,
            "accuracy": float(accuracy),
        }
        for test_set, table in (("local", local), ("global", common))
        for method, accuracies in table.items()
        for client, accuracy in enumerate(accuracies)
    ]
    return " ".join(describe_result(pd.DataFrame(rows), SETTINGS, seed=1))


FLAT = np.full(20, 0.8)
# Exactly the same for all clients would be one number and no evidence.
UNEVEN = np.where(np.arange(20) % 2, 0.001, -0.001)
WIDE = np.linspace(0.5, 0.9, 20)
ZIGZAG = np.where(np.arange(20) % 2, 0.1, -0.1)


def test_a_steady_gain_counts_although_the_intervals_overlap():
    text = read(
        {"fedavg": WIDE, "mixture": WIDE + 0.02 + UNEVEN}, {"fedavg": FLAT, "mixture": FLAT - 0.04 + UNEVEN}
    )
    assert "the mixture is the most accurate: 72.0%" in text
    assert "2.0 points [2.0, 2.0] above the generalist (FedAvg)" in text
    assert "The mixture keeps 95.0% [94.9, 95.0] of the generalist's global accuracy" in text
    assert "None of the 20 clients is less accurate" in text


def test_a_gain_within_the_noise_is_not_claimed():
    text = read({"fedavg": WIDE, "mixture": WIDE + ZIGZAG + 0.01}, {"fedavg": FLAT, "mixture": FLAT})
    assert "the mixture has the highest mean accuracy" in text
    assert "but cannot be told apart from the generalist (FedAvg)" in text
    assert "points" not in text.split(" On all classes")[0]
    assert "10 of 20 clients (50.0% [" in text


def test_equal_methods_are_not_told_apart():
    text = read({"fedavg": WIDE, "mixture": WIDE}, {"fedavg": FLAT, "mixture": FLAT})
    assert "most accurate" not in text
    assert text.count("cannot be told apart") == 2


def test_one_client_proves_nothing():
    text = read({"fedavg": [0.5], "mixture": [0.9]}, {"fedavg": [0.5], "mixture": [0.9]})
    assert "nothing can be said" in text
    assert "most accurate" not in text
    assert "above the generalist" not in text


def test_few_clients_come_with_a_caution():
    few = [0.5, 0.6, 0.7]
    assert "Only 3 clients" in read({"fedavg": few}, {"fedavg": few})


def test_the_oracle_is_never_the_best_method():
    text = read(
        {"fedavg": WIDE, "mixture": WIDE + 0.01 + UNEVEN, "oracle": WIDE + 0.1},
        {"fedavg": FLAT, "mixture": FLAT - 0.1 + UNEVEN, "oracle": FLAT + 0.1},
    )
    assert "the mixture is the most accurate" in text
    assert "the generalist (FedAvg) is the most accurate: 80.0%." in text
    assert "not attainable" in text


def test_a_gate_that_loses_to_a_constant_is_called_worse():
    text = read(
        {"fedavg": WIDE, "mixture": WIDE + 0.01 + UNEVEN, "constant": WIDE + 0.05, "finetuned": WIDE + 0.03},
        {"fedavg": FLAT, "mixture": FLAT - 0.1, "constant": FLAT - 0.1, "finetuned": FLAT - 0.2},
    )
    assert (
        "against a constant mixing weight it is 4.0 points [4.0, 4.0] worse on the local test"
        in text.replace("Against", "against")
    )
    assert "not distinguishable (difference 0.0 points) on the global test" in text
    assert "Against fine-tuning, the mixture is 2.0 points [2.0, 2.0] worse on the local test" in text


def test_opted_out_clients_are_told_apart():
    text = read({"fedavg": WIDE}, {"fedavg": FLAT}, opted_out=5)
    assert "for the 15 clients that opted in and" in text
    assert "for the 5 that opted out" in text


def test_a_useless_generalist_leaves_no_ratio():
    nothing = np.zeros(20)
    assert "keeps" not in read({"fedavg": WIDE, "mixture": WIDE}, {"fedavg": nothing, "mixture": nothing})
