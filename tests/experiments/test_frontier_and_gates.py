"""What experiments say of dials and gates, from made-up points."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from fedexperts.experiments import charts
from fedexperts.experiments.frontier import frontier_by_seed, summarise_frontier
from fedexperts.experiments.gates import gates_by_seed, summarise_gates
from fedexperts.experiments.history import best_rounds
from fedexperts.experiments.page import as_page
from fedexperts.experiments.picture import as_picture
from fedexperts.experiments.seeds import over_seeds

P = "partition.majority_fraction"


def point(seed, rows, p=0.8):
    first = {"point": f"{p} {seed}", "environment": "cifar10", P: p, "seed": seed}
    return pd.DataFrame([{**first, **row} for row in rows])


def specialists(seed, local, p=0.8):
    on = {"local": local, "global": 0.2}
    return point(
        seed,
        [
            {"client_id": 0, "method": "finetuned", "calibrated": False, "test_set": test, "accuracy": value}
            for test, value in on.items()
        ],
        p,
    )


def curve(seed, method, places, p=0.8, *, calibrated=False):
    rows = []
    for dial, (local, common) in enumerate(places):
        about = {"client_id": 0, "opted_out": False, "method": method, "calibrated": calibrated}
        rows += [
            {**about, "dial": float(dial), "test_set": "local", "accuracy": local},
            {**about, "dial": float(dial), "test_set": "global", "accuracy": common},
        ]
    return point(seed, rows, p)


@pytest.fixture
def by_seed():
    # A straight line from (local 0.8, global 0.2) to (0.6, 0.6): two points of one for a point of the other.
    line = [(0.8, 0.2), (0.6, 0.6)]
    better = [(0.8, 0.3), (0.6, 0.7)]
    moved = pd.concat([
        curve(0, "constant", line),
        curve(1, "constant", [(0.7, 0.2), (0.5, 0.6)]),
        curve(0, "density_ratio", better, calibrated=True),
        curve(1, "density_ratio", [(0.7, 0.4), (0.5, 0.8)], calibrated=True),
        curve(0, "prior_shift", [(0.75, 0.5)]),
        curve(1, "prior_shift", [(0.7, 0.5)]),
    ])  # fmt: skip
    return frontier_by_seed(moved, pd.concat([specialists(0, 0.8), specialists(1, 0.7)]))


@pytest.fixture
def calibrated(by_seed):
    """The same with a constant weight that asks a calibrated generalist."""
    higher = by_seed[by_seed["method"] == "constant"].assign(calibrated=True)
    return pd.concat([by_seed, higher.assign(global_accuracy=higher["global_accuracy"] + 0.12)])


def test_every_seed_is_compared_with_its_own_specialists(by_seed):
    constant = by_seed[by_seed["method"] == "constant"].set_index(["seed", "local_drop"])["global_accuracy"]
    for seed in (0, 1):
        assert constant[seed].to_numpy() == pytest.approx(0.2 + 2 * constant[seed].index.to_numpy())
    shifted = by_seed[(by_seed["method"] == "prior_shift") & (by_seed["seed"] == 0)]
    reached = shifted.set_index("local_drop")["global_accuracy"]
    assert reached[reached.index < 0.0499].isna().all()
    assert (reached[reached.index > 0.0501] == 0.5).all()


def test_areas_are_means_over_losses_and_gains_are_paired_by_seed(calibrated):
    areas = summarise_frontier(calibrated, 0.95).set_index(["method", "calibrated"])
    plain, ratio = areas.loc[("constant", False)], areas.loc[("density_ratio", True)]
    assert plain["auf"] == pytest.approx(0.2 + 2 * 0.0525)
    assert plain["loss_3"] == pytest.approx(0.26)
    assert plain["gain"] == 0.0
    assert np.isnan([plain["gain_low"], plain["gain_high"]]).all(), "itself, which says nothing"
    # Its areas are 0.1 and 0.2 above those of the constant weight, which calibration lifts by 0.12.
    margin = t.ppf(0.975, 1) * 0.05
    assert ratio["gain"] == pytest.approx(0.03)
    assert [ratio["gain_low"], ratio["gain_high"]] == pytest.approx([0.03 - margin, 0.03 + margin])
    assert areas.loc[("constant", True), "gain"] == pytest.approx(0.12)
    assert ratio["n_seeds"] == 2
    assert np.isnan(areas.loc[("prior_shift", False), "auf"])


def test_without_the_reference_on_the_same_seeds_there_are_areas_and_no_gains(calibrated):
    others = ~((calibrated["method"] == "constant") & calibrated["calibrated"])
    for fewer in (others, others | (calibrated["seed"] == 0)):
        areas = summarise_frontier(calibrated[fewer], 0.95)
        areas = areas[(areas["method"] != "constant")].set_index("method")
        assert areas.loc["density_ratio", "auf"] == pytest.approx(0.2 + 2 * 0.0525 + 0.15)
        assert np.isnan(areas.loc["density_ratio", "gain"])


def test_points_of_other_settings_are_kept_apart_even_where_they_have_none():
    line = [(0.8, 0.2), (0.6, 0.6)]
    moved = pd.concat([curve(0, "constant", line, 0.3), curve(0, "constant", [(0.5, 0.9)], np.nan)])
    results = pd.concat([specialists(0, 0.8, 0.3), specialists(0, 0.5, np.nan)])
    found = frontier_by_seed(moved, results)
    areas = summarise_frontier(found, 0.95)
    assert areas["auf"].to_list() == pytest.approx([0.2 + 2 * 0.0525, 0.9])
    assert areas[P].isna().tolist() == [False, True]
    assert [panel.title for panel in charts.frontier(found).panels] == [
        "CIFAR-10, p = 0.3",
        "CIFAR-10, p = default",
    ]


def test_curves_of_dials_are_bare_lines_dashed_where_calibrated(by_seed):
    chart = charts.frontier(by_seed)
    assert [panel.title for panel in chart.panels] == ["CIFAR-10, p = 0.8"]
    curves = {curve.look.label: curve for curve in chart.panels[0].curves}
    assert set(curves) == {"Constant", "Density ratio, calibrated", "Prior shift"}
    assert min(curves["Prior shift"].x) == pytest.approx(0.05)
    traces = {trace.name: trace for trace in as_page(chart).data}
    assert {trace.mode for trace in traces.values()} == {"lines"}
    assert traces["Density ratio, calibrated"].line.dash == "dash"
    assert traces["Constant"].line.dash == "solid"
    picture = as_picture(chart)
    assert [line.get_linestyle() for line in picture.axes[0].lines].count("--") == 1
    assert not picture.axes[0].texts
    named = [text.get_text() for text in picture.legends[0].get_texts()]
    assert named == ["Density ratio, calibrated", "Prior shift", "Constant"]


def test_gates_are_weighed_by_examples_and_then_by_seed():
    def gate(seed, test_set, group, n, weight):
        row = {"client_id": 0, "opted_out": False, "test_set": test_set, "class_group": group}
        return point(seed, [{**row, "n": n, "mean_weight": weight, "gain": 0.01}])

    gates = pd.concat([
        gate(0, "local", "majority", 30, 0.71), gate(0, "local", "minority", 10, 0.31),
        gate(1, "local", "majority", 30, 0.69), gate(1, "local", "minority", 10, 0.29),
    ])  # fmt: skip
    found = summarise_gates(gates_by_seed(gates), 0.95).set_index("class_group")
    assert found["mean_weight"].to_dict() == pytest.approx({"majority": 0.7, "minority": 0.3, "all": 0.6})
    assert found.loc["all", "mean_weight_low"] == pytest.approx(0.6 - t.ppf(0.975, 1) * 0.01)
    assert found["gain"].tolist() == pytest.approx([0.01] * 3)


def test_gates_that_look_at_nothing_do_not_seem_to_know_the_classes():
    """Constant gates of clients with unlike shares of other classes, one of them with none."""
    weights = {0: (0.9, 90, 10), 1: (0.5, 60, 40), 2: (0.1, 100, 0)}
    rows = [
        {
            "client_id": client,
            "test_set": "local",
            "class_group": group,
            "n": n,
            "mean_weight": weight,
            "gain": 0.0,
        }
        for client, (weight, *counts) in weights.items()
        for group, n in zip(("majority", "minority"), counts, strict=True)
        if n
    ]
    found = gates_by_seed(point(0, rows)).set_index("class_group")["mean_weight"]
    assert found.to_dict() == pytest.approx({"majority": 0.7, "minority": 0.7, "all": 0.5})


def test_one_seed_has_a_mean_and_no_interval():
    assert over_seeds([0.5], 0.95).value == 0.5
    assert np.isnan([over_seeds([0.5], 0.95).low, over_seeds([0.5], 0.95).high]).all()


def test_the_round_that_was_kept_is_the_one_with_the_lowest_validation_loss():
    def rounds(seed, losses):
        rows = [
            {
                "round": number,
                "validation_loss": loss,
                "validation_accuracy": number / 10,
                "best": loss == np.nanmin(losses),
            }
            for number, loss in enumerate(losses, start=1)
        ]
        return point(seed, rows)

    history = pd.concat([rounds(0, [np.nan, 0.5, 0.4]), rounds(1, [0.3, np.nan, 0.6])], ignore_index=True)
    found = best_rounds(history).set_index("seed")
    assert found["round"].to_dict() == {0: 3, 1: 1}
    assert found["validation_loss"].to_dict() == {0: 0.4, 1: 0.3}
    assert found["validation_accuracy"].to_dict() == {0: 0.3, 1: 0.1}
