"""What all points say together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from fedexperts.errors import UserError
from fedexperts.evaluation.statistics import summarise
from fedexperts.experiments.grid import Choice
from fedexperts.experiments.long_table import long_table
from fedexperts.experiments.plan import Point
from fedexperts.experiments.published import add_published, published
from fedexperts.experiments.summary import summarise_points
from fedexperts.parameters import EvaluationSettings

HOW = (200, 0.95)  # resamples, confidence


def metrics(accuracies, opted_out=(), **extra):
    """A table of one run, from ``{method: [(local, global) per client]}``."""
    rows = [
        {
            "client_id": client,
            "opted_out": client in opted_out,
            "method": method,
            "test_set": test,
            "n": 10,
            "accuracy": score,
            "loss": 2 * score,
            "ece": score / 2,
            "unseen": False,
            "calibrated": False,
            **extra,
        }
        for method, clients in accuracies.items()
        for client, scores in enumerate(clients)
        for test, score in zip(("local", "global"), scores, strict=True)
    ]
    return pd.DataFrame(rows)


def along(table, seed=0, **axes):
    first = {"point": "x", "environment": "test", **axes, "seed": seed}
    return table.assign(**first)[[*first, *table.columns]]


TWO_SEEDS = pd.concat(
    [
        along(metrics({"fedavg": [(0.5, 0.6), (0.7, 0.6)], "mixture": [(0.4, 0.3), (0.9, 0.5)]}), seed=0),
        along(metrics({"fedavg": [(0.1, 0.2), (0.3, 0.2)], "mixture": [(0.5, 0.1), (0.7, 0.1)]}), seed=1),
    ]
)


def test_a_summary_computed_by_hand():
    summary, differences = summarise_points(TWO_SEEDS, *HOW)
    rows = summary.set_index("method")
    assert rows["n_seeds"].tolist() == [2, 2]
    assert rows["n_clients"].tolist() == [4, 4]
    mixture = rows.loc["mixture"]
    assert mixture["local_accuracy"] == pytest.approx((0.4 + 0.9 + 0.5 + 0.7) / 4)
    assert mixture["global_accuracy"] == pytest.approx(0.25)
    assert mixture["local_loss"] == pytest.approx(2 * 0.625)
    assert mixture["global_ece"] == pytest.approx(0.125)
    assert mixture["bottom_decile"] == pytest.approx(((0.4 + 0.05) + (0.5 + 0.02)) / 2)
    assert mixture["clients_hurt"] == pytest.approx(1 / 4)
    assert mixture["global_ratio"] == pytest.approx((0.4 / 0.6 + 0.1 / 0.2) / 2), "clients' means are divided"
    assert rows.loc["fedavg", ["clients_hurt", "global_ratio"]].tolist() == [0.0, 1.0]
    (pair,) = differences.to_dict("records")
    assert (pair["method"], pair["reference"]) == ("mixture", "fedavg")
    assert pair["local_accuracy"] == pytest.approx((-0.1 + 0.2 + 0.4 + 0.4) / 4)
    for name in ("local_accuracy", "global_accuracy", "local_loss"):
        assert pair[f"{name}_low"] <= pair[name] <= pair[f"{name}_high"]


def test_differences_are_paired():
    """A method that is better by much the same is so beyond doubt, however clients and seeds vary."""
    seeds = {0: [(0.1, 0.9), (0.6, 0.2), (0.3, 0.5)], 1: [(0.3, 0.1), (0.2, 0.3), (0.8, 0.6)]}
    tables = []
    for seed, fedavg in seeds.items():
        mixture = [(local + 0.125 + 1e-6 * seed, common + 0.0625) for local, common in fedavg]
        tables.append(along(metrics({"fedavg": fedavg, "mixture": mixture}), seed=seed))
    pair = summarise_points(pd.concat(tables), *HOW)[1].iloc[0]
    assert pair["local_accuracy_low"] == pytest.approx(0.125, abs=1e-5)
    assert pair["local_accuracy_high"] == pytest.approx(0.125, abs=1e-5)


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_what_is_one_number_for_all_has_no_interval(seeds):
    """Nothing varies, but for the last digit, so nothing is known of how it would."""
    scores = {"fedavg": [(0.1, 0.9), (0.6, 0.2)], "mixture": [(0.1 + 0.2, 0.3), (0.8, 0.5)]}
    table = pd.concat([along(metrics(scores), seed=seed) for seed in seeds])
    pair = summarise_points(table, *HOW)[1].iloc[0]
    assert pair["local_accuracy"] == pytest.approx(0.2)
    assert np.isnan([pair["local_accuracy_low"], pair["local_accuracy_high"]]).all()


def test_settings_are_kept_apart_and_seeds_are_not():
    other = TWO_SEEDS.assign(accuracy=0.25)
    table = pd.concat(
        [TWO_SEEDS.assign(**{"partition.alpha": 0.1}), other.assign(**{"partition.alpha": 1.0})]
    )
    columns = ["point", "environment", "partition.alpha", "seed"]
    table = table[[*columns, *(name for name in table.columns if name not in columns)]]
    summary, _ = summarise_points(table, *HOW)
    assert summary[["partition.alpha", "method"]].to_numpy().tolist() == [
        [0.1, "fedavg"],
        [0.1, "mixture"],
        [1.0, "fedavg"],
        [1.0, "mixture"],
    ]
    assert summary[summary["partition.alpha"] == 1.0]["local_accuracy"].tolist() == [0.25, 0.25]


def test_opted_out_clients_are_summed_up_apart():
    table = along(metrics({"fedavg": [(0.5, 0.5), (0.9, 0.5)]}, opted_out=(1,)))
    summary, _ = summarise_points(table, *HOW)
    assert dict(zip(summary["clients"], summary["local_accuracy"], strict=True)) == pytest.approx(
        {"all": 0.7, "opted_in": 0.5, "opted_out": 0.9}
    )


def test_a_calibrated_method_is_one_more_method_and_compared_with_all_others():
    plain = metrics({"fedavg": [(0.5, 0.5)], "mixture": [(0.6, 0.4)]}, calibrated=False)
    calibrated = metrics({"mixture": [(0.8, 0.3)]}, calibrated=True)
    summary, differences = summarise_points(along(pd.concat([plain, calibrated])), *HOW)
    assert summary["method"].tolist() == ["fedavg", "mixture", "mixture+calibrated"]
    gains = differences.set_index(["method", "reference"])["local_accuracy"]
    assert gains["mixture+calibrated", "mixture"] == pytest.approx(0.2)


def test_intervals_are_students_over_seeds():
    summary, differences = summarise_points(TWO_SEEDS, 200, 0.9)
    half = t.ppf(0.95, 1) * np.std([0.65, 0.6], ddof=1) / np.sqrt(2)
    mixture = summary.set_index("method").loc["mixture"]
    assert mixture["local_accuracy_low"] == pytest.approx(0.625 - half)
    assert mixture["local_accuracy_high"] == pytest.approx(0.625 + half)
    gain_half = t.ppf(0.95, 1) * np.std([0.05, 0.4], ddof=1) / np.sqrt(2)
    assert differences["local_accuracy_high"].item() == pytest.approx(0.225 + gain_half), "paired by seed"


def test_no_interval_of_a_share_passes_its_bounds_but_one_of_a_difference_may():
    seeds = [
        {"fedavg": [(0.0, 0.9)], "mixture": [(0.9, 0.2)]},
        {"fedavg": [(0.9, 0.1)], "mixture": [(0.1, 0.9)]},
    ]
    table = pd.concat([along(metrics(scores), seed=seed) for seed, scores in enumerate(seeds)])
    summary, differences = summarise_points(table, *HOW)
    assert summary["local_accuracy_low"].tolist() == [0.0, 0.0]
    assert summary["global_accuracy_high"].tolist() == [1.0, 1.0]
    assert summary["clients_hurt_high"].max() == 1.0
    assert summary["local_loss_high"].min() > 2.0, "a loss has no upper bound"
    assert differences["local_accuracy_low"].item() < -1.0


def test_with_one_seed_the_summary_is_that_of_the_run():
    rng = np.random.default_rng(0)
    scores = {method: rng.random((6, 2)).tolist() for method in ("fedavg", "mixture")}
    settings = EvaluationSettings(calibration_bins=15, resamples=200, confidence=0.95, frontier=False)
    run = summarise(metrics(scores), settings, seed=3)
    summary, _ = summarise_points(along(metrics(scores), seed=3), *HOW)
    shared = [name for name in run.columns if name not in {"calibrated", "clients"}]
    pd.testing.assert_frame_equal(summary[shared], run[shared])


def test_seeds_with_other_methods_are_not_averaged():
    seeds = [
        {"fedavg": [(0.5, 0.5)], "mixture": [(0.9, 0.9)]},
        {"fedavg": [(0.5, 0.5)], "local": [(0.1, 0.1)]},
    ]
    table = pd.concat([along(metrics(scores), seed=seed) for seed, scores in enumerate(seeds)])
    with pytest.raises(UserError, match="seed 1 has other methods"):
        summarise_points(table, *HOW)


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_a_ratio_to_nothing_is_not_a_number(seeds):
    scores = metrics({"fedavg": [(0.5, 0.0), (0.7, 0.0)], "mixture": [(0.4, 0.3), (0.9, 0.5)]})
    summary, _ = summarise_points(pd.concat([along(scores, seed=seed) for seed in seeds]), *HOW)
    assert summary.filter(like="global_ratio").isna().all(axis=None)


def test_the_long_table_has_the_settings_of_each_point_beside_its_metrics(tmp_path):
    points = [
        Point(Choice("test", {"partition.alpha": 0.1, "seed": 0}, {}), {"evaluation": "a" * 32}),
        Point(Choice("base", {"model.expert": "mlp", "seed": 1}, {}), {"evaluation": "b" * 32}),
        Point(Choice("base", {"model.expert": "mlp", "seed": 2}, {}), {"evaluation": "c" * 32}),
    ]
    files = {point.key: tmp_path / f"{point.short}.parquet" for point in points[:2]}
    for file in files.values():
        metrics({"fedavg": [(0.5, 0.6)]}).to_parquet(file)
    table = long_table(points, files)
    assert list(table.columns)[:6] == [
        "point", "environment", "partition.alpha", "model.expert", "seed", "client_id",
    ]  # fmt: skip
    assert table["point"].tolist() == ["a" * 10] * 2 + ["b" * 10] * 2
    assert table["partition.alpha"].tolist()[:2] == [0.1, 0.1]
    assert table["partition.alpha"].isna().tolist() == [False, False, True, True]
    assert table["seed"].tolist() == [0, 0, 1, 1]


def test_a_setting_that_is_a_word_or_a_list_somewhere_is_text_everywhere(tmp_path):
    values = ["auto", 25, [1, 2], None]
    points = [
        Point(Choice("test", {"engine.chunk_size": value, "seed": 0}, {}), {"evaluation": letter * 32})
        for value, letter in zip(values, "abcd", strict=True)
    ]
    files = {point.key: tmp_path / f"{point.short}.parquet" for point in points}
    for file in files.values():
        metrics({"fedavg": [(0.5, 0.6)]}).to_parquet(file)
    table = long_table(points, files)
    table.to_parquet(tmp_path / "all.parquet")
    assert table["engine.chunk_size"].tolist()[:-2:2] == ["auto", "25", "[1, 2]"]
    assert table["engine.chunk_size"].isna().tolist() == [False] * 6 + [True] * 2


def test_the_published_values_are_those_of_the_paper():
    table = published()
    keys = [
        "environment",
        "partition.majority_fraction",
        "partition.alpha",
        "partition.opt_out",
        "method",
        "measure",
    ]
    assert not table.duplicated(keys).any()
    known = table.set_index(keys)["value"]
    nan = float("nan")
    assert known["cifar10", 0.6, nan, 0.0, "mixture", "local_accuracy"] == 0.5057
    assert known["fashion_mnist", 1.0, nan, 0.0, "finetuned", "global_accuracy"] == 0.2369
    assert known["cifar10", 0.8, nan, 0.95, "fedavg", "local_accuracy"] == 0.18
    assert known["fashion_mnist", nan, 0.05, 0.0, "mixture", "global_ratio"] == 0.48
    assert known["cifar10", 0.3, nan, 0.0, "mixture", "global_ratio"] == pytest.approx(
        41.57 / 42.65, abs=1e-4
    )
    assert table["value"].between(0, 1.2).all()
    assert table["source"].str.contains("Table 1|Figure").all()


def summary_of(environment, **axes):
    return pd.DataFrame([{"environment": environment, **axes, "clients": "all", "method": "mixture"}])


@pytest.mark.parametrize(
    ("axes", "value"),
    [
        ({"partition.majority_fraction": 0.6}, 0.2637),
        ({"partition.majority_fraction": 0.6, "partition.opt_out": 0.9}, 0.243),
        ({"partition.majority_fraction": 0.6, "partition.opt_out": 0.5}, None),
        ({"partition.majority_fraction": 0.5}, None),
        ({"partition.majority_fraction": 0.6, "partition.opt_out": float("nan")}, 0.2637),
        ({"partition.alpha": 0.1}, None),
        ({}, None),
    ],
)
def test_a_published_value_stands_only_beside_the_same_settings(axes, value):
    (found,) = add_published(summary_of("cifar10", **axes), "global_accuracy")["published"]
    assert (None if np.isnan(found) else found) == value


def test_a_copy_of_a_data_set_stands_beside_the_published_values_of_the_original():
    (found,) = add_published(
        summary_of("cifar10_jpg", **{"partition.majority_fraction": 0.6}), "global_accuracy"
    ).to_dict("records")
    assert (found["environment"], found["published"]) == ("cifar10_jpg", 0.2637)


def test_the_paper_says_nothing_about_other_data():
    summary = summary_of("base", **{"partition.majority_fraction": 0.6})
    assert add_published(summary, "global_accuracy")["published"].isna().all()
