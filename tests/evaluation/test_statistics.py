import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap

from fedexperts.evaluation.statistics import (
    STATISTICS,
    Bootstrap,
    mean_scores,
    pair_clients,
    ratio_of_means,
    summarise,
)
from fedexperts.parameters import EvaluationSettings

SETTINGS = EvaluationSettings(calibration_bins=15, resamples=500, confidence=0.95, frontier=False)


def metrics(local, common, opted_out=None):
    """Build the table from ``{method: [accuracy of each client]}`` for both tests."""
    rows = [
        {
            "client_id": client,
            "opted_out": bool(opted_out[client]) if opted_out else False,
            "unseen": False,
            "method": method,
            "calibrated": False,
            "test_set": test_set,
            "n": 10,
            "accuracy": accuracy,
            "loss": 1.0 - accuracy,
            "ece": 0.1,
        }
        for test_set, table in (("local", local), ("global", common))
        for method, accuracies in table.items()
        for client, accuracy in enumerate(accuracies)
    ]
    return pd.DataFrame(rows)


FOUR = metrics(
    {"mixture": [0.5, 0.7, 0.9, 0.4], "fedavg": [0.5, 0.6, 0.7, 0.8]},
    {"mixture": [0.6, 0.7, 0.8, 0.9], "fedavg": [0.8, 0.8, 0.8, 0.8]},
)


def test_statistics_by_hand():
    summary = summarise(FOUR, SETTINGS, seed=1).set_index("method")
    assert list(summary.index) == ["fedavg", "mixture"]
    mixture = summary.loc["mixture"]
    assert mixture["local_accuracy"] == pytest.approx(0.625)
    assert mixture["global_accuracy"] == pytest.approx(0.75)
    assert mixture["bottom_decile"] == pytest.approx(0.4 + 0.3 * (0.5 - 0.4))
    assert mixture["clients_hurt"] == 0.25  # the fourth; a tie hurts nobody
    assert mixture["n_clients"] == 4
    assert summary.loc["fedavg", "clients_hurt"] == 0.0


def test_columns_are_the_promised_ones():
    bounds = [f"{name}{end}" for name in STATISTICS for end in ("", "_low", "_high")]
    assert list(summarise(FOUR, SETTINGS, 1)) == [
        "clients",
        "method",
        "calibrated",
        "attainable",
        "n_clients",
        *bounds,
    ]


def test_intervals_are_quantiles_of_resampled_clients():
    summary = summarise(FOUR, SETTINGS, seed=3).set_index("method")
    draws = Bootstrap.of(4, SETTINGS.resamples, SETTINGS.confidence, seed=3).draws
    means = np.array([0.5, 0.7, 0.9, 0.4])[draws].mean(axis=1)
    bounds = summary.loc["mixture", ["local_accuracy_low", "local_accuracy_high"]]
    assert list(bounds) == pytest.approx(list(np.quantile(means, [0.025, 0.975])))


def test_the_interval_agrees_with_scipy(make_results):
    local = pair_clients(make_results().client_metrics).row("local", "mixture")
    rng = np.random.default_rng(0)
    theirs = bootstrap((local,), np.mean, n_resamples=4000, method="percentile", rng=rng).confidence_interval
    bootstrapped = Bootstrap.of(len(local), 4000, SETTINGS.confidence, 0)
    ours = bootstrapped.estimate(lambda values: values.mean(axis=-1), local)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.004)


def test_the_same_clients_are_drawn_for_every_method():
    same = {"fedavg": [0.1, 0.5, 0.9], "copy": [0.1, 0.5, 0.9]}
    summary = summarise(metrics(same, same), SETTINGS, seed=5).set_index("method")
    values = [column for column in summary if column.startswith(STATISTICS)]
    assert summary.loc["fedavg", values].equals(summary.loc["copy", values])


def test_adding_a_method_changes_no_other(make_results):
    table = make_results(clients=12).client_metrics
    fewer = summarise(table[table["method"].isin(["fedavg", "mixture"])], SETTINGS, 1)
    all_of_them = summarise(table, SETTINGS, 1)
    kept = all_of_them[all_of_them["method"].isin(["fedavg", "mixture"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(fewer, kept)


def test_groups_appear_when_some_clients_opted_out_and_some_did_not():
    local = {"fedavg": [0.2, 0.4, 0.6]}
    summary = summarise(metrics(local, local, opted_out=[1, 0, 0]), SETTINGS, 1).set_index("clients")
    assert list(summary.index) == ["all", "opted_in", "opted_out"]
    assert list(summary["n_clients"]) == [3, 2, 1]
    assert list(summary["local_accuracy"]) == pytest.approx([0.4, 0.5, 0.2])
    assert summary["local_accuracy_low"].isna().tolist() == [False, False, True], "one client, no interval"
    assert list(summarise(metrics(local, local, opted_out=[1, 1, 1]), SETTINGS, 1)["clients"]) == ["all"]


def test_one_client_has_no_interval_and_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        summary = summarise(metrics({"fedavg": [0.7]}, {"fedavg": [0.6]}), SETTINGS, 1)
    assert summary.loc[0, "local_accuracy"] == 0.7
    assert summary.loc[0, ["local_accuracy_low", "local_accuracy_high"]].isna().all()


def test_what_is_the_same_for_all_clients_has_no_interval():
    """A common model on a common test is one number, however many clients it is written down for."""
    rows = summarise(FOUR, SETTINGS, seed=1).set_index("method")
    bounds = ["global_accuracy_low", "global_accuracy_high"]
    assert rows.loc["fedavg", bounds].isna().all()
    assert rows.loc["mixture", bounds].notna().all()


def test_the_oracle_comes_last_and_is_marked_and_unknown_methods_are_welcome(make_results):
    table = make_results(clients=5, methods=("oracle", "ditto", "mixture", "fedavg")).client_metrics
    summary = summarise(table, SETTINGS, 1)
    rows = summary[summary["clients"] == "all"]
    assert list(rows["method"]) == ["fedavg", "mixture", "ditto", "oracle"]
    assert list(rows["attainable"]) == [True, True, True, False]


def test_results_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="fedavg"):
        summarise(FOUR[FOUR["method"] == "mixture"], SETTINGS, 1)
    with pytest.raises(ValueError, match="several rows"):
        summarise(pd.concat([FOUR, FOUR]), SETTINGS, 1)
    with pytest.raises(ValueError, match="client 0 lacks an accuracy of some method"):
        summarise(FOUR.iloc[1:], SETTINGS, 1)
    with pytest.raises(ValueError, match="client 0 was tested on different numbers of local examples"):
        summarise(FOUR.assign(n=[11, *[10] * (len(FOUR) - 1)]), SETTINGS, 1)
    with pytest.raises(ValueError, match="client 0 lacks an accuracy of some method"):
        summarise(FOUR[FOUR["test_set"] == "local"], SETTINGS, 1)


def test_a_ratio_of_means_by_hand():
    assert ratio_of_means(np.array([[0.2, 0.4], [0.5, 0.7]])) == pytest.approx(0.5)
    assert np.isnan(ratio_of_means(np.array([[0.2, 0.4], [0.0, 0.0]])))


def test_mean_scores_by_hand():
    scores = mean_scores(FOUR[FOUR["test_set"] == "local"]).set_index("method")
    assert scores.loc["mixture", "local_loss"] == pytest.approx(0.375)
    assert scores.loc["mixture", "local_ece"] == pytest.approx(0.1)
    assert np.isnan(scores.loc["mixture", "global_loss"])


def test_clients_kept_out_of_training_are_a_group_of_their_own():
    local = {"fedavg": [0.2, 0.4, 0.6, 0.8]}
    rows = metrics(local, local, opted_out=[1, 0, 0, 1])
    rows["unseen"] = rows["client_id"] == 3
    summary = summarise(rows, SETTINGS, 1).set_index("clients")
    assert list(summary.index) == ["all", "opted_in", "opted_out", "unseen"]
    assert list(summary["n_clients"]) == [4, 2, 1, 1]
    assert summary.loc["unseen", "local_accuracy"] == 0.8
