"""The results in the documentation are those of the files beside it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks import (
    results_areas,
    results_coverage,
    results_gates,
    results_glance,
    results_opt_out,
    results_page,
    results_tuning,
)
from benchmarks import results_files as files
from benchmarks.reproduction import DOCUMENT, RESULTS
from benchmarks.results_files import FORMS
from benchmarks.results_gates import GATE_RATE
from benchmarks.results_glance import glance_table
from fedexperts.evaluation.frontier import AREA
from fedexperts.experiments.charts import ALPHA, RATE, P, Q
from fedexperts.experiments.picture import as_picture
from fedexperts.experiments.summary import summarise_points


@pytest.fixture(scope="module")
def results():
    return files.read_results(RESULTS)


def test_the_document_shows_the_files_of_results(results):
    document = DOCUMENT.read_text(encoding="utf-8")
    names = [name for name, _ in results_page.tables(results)]
    assert sorted(re.findall(r"^<!-- (?!end of )(.+) -->$", document, re.MULTILINE)) == sorted(names)
    assert results_page.filled(document, results) == document, "run python -m benchmarks.reproduction"


def test_means_by_seed_follow_from_the_clients(results):
    stored = pd.read_csv(RESULTS / "table1.csv")
    pd.testing.assert_frame_equal(stored, files.means_by_seed(results.clients))
    assert list(stored) == ["dataset", "setting", "p", "method", "calibrated", "seed", "test_set", "accuracy"]
    assert stored["accuracy"].between(0, 100).all()


def test_every_point_says_when_and_with_what_it_was_computed(results):
    keys = FORMS["points"].keys
    tuning = results.validation["experiment"].str.startswith("tuning_")
    shown = pd.concat([results.clients, results.validation[tuning], results.gate_rates])
    known = shown.reindex(columns=keys).drop_duplicates()
    noted = results.points[keys]
    pd.testing.assert_frame_equal(
        known.sort_values(keys, ignore_index=True),
        noted.sort_values(keys, ignore_index=True),
        check_dtype=False,
    )
    assert results.points.notna()[FORMS["points"].values].all(axis=None)


def test_every_figure_of_the_documentation_is_drawn_from_the_files(results):
    document = DOCUMENT.read_text(encoding="utf-8")
    for name, chart in results_page.figures(results).items():
        assert f"(results/{name}.svg)" in document
        drawn = as_picture(chart)
        assert len([axes for axes in drawn.axes if axes.get_visible()]) == len(chart.panels) > 0
    linked = re.findall(r"\]\((results/[^)]+)\)", document)
    assert not [file for file in linked if not (DOCUMENT.parent / file).exists()]


ORIGIN = {
    "date": "2026-11-23 10:00:00 UTC",
    "git_commit": f"{40 * 'f'}; {40 * 'e'}",
    "device": "cpu",
    "processor": "p",
    "torch": "2",
    "versions": "1",
    "data": "d0",
    "settings": "s0",
}


def report(folder, name, accuracy, seeds=(0,), **axes):
    """A report as `kedro experiment report` writes it, of one client."""
    where = {"environment": "digits", **axes}
    (folder / name).mkdir(parents=True)
    tables = {"results": [], "frontier": [], "gates": [], "validation": [], "points": []}
    for seed in seeds:
        about = {**where, "seed": seed}
        for test in ("local", "global"):
            score = {
                "n": 10,
                "accuracy": accuracy,
                "loss": 0.1,
                "ece": 0.1,
                "opted_out": False,
                "unseen": False,
            }
            method = {"method": "fedavg", "calibrated": False, "test_set": test}
            tables["results"].append({"point": "x", **about, "client_id": 3, **method, **score})
        moved = {"method": "constant", "calibrated": True, "local_drop": 0.03, "global_accuracy": accuracy}
        tables["frontier"].append({**about, **moved})
        weight = {"test_set": "local", "class_group": "all", "mean_weight": 0.5, "gain": 0.0}
        tables["gates"].append({**about, **weight})
        tables["validation"].append({**about, "round": 50, "validation_loss": 1.5})
        tables["points"].append({**about, **ORIGIN})
    for table, rows in tables.items():
        pd.DataFrame(rows).to_csv(folder / name / f"{table}.csv", index=False)
    return files.read_report(folder / name)


def test_a_seed_that_was_run_anew_leaves_nothing_of_what_it_was(tmp_path):
    old = report(tmp_path / "a", "results_x", 0.5, seeds=(0, 1), **{P: 0.3})
    other = {name: getattr(old, name).assign(method="local") for name in ("clients", "frontier")}
    both = files.merged(replace(old, **other), report(tmp_path / "b", "results_x", 0.7, **{P: 0.3}))
    assert both.clients.groupby("seed")["method"].unique().map(list).to_dict() == {
        0: ["fedavg"],
        1: ["local"],
    }
    assert both.frontier.set_index("seed")["method"].to_dict() == {0: "constant", 1: "local"}
    assert len(both.gates) == 2
    assert both.points[["seed", "date", "git_commit"]].to_numpy().tolist() == [
        [0, "2026-11-23", f"{12 * 'f'}; {12 * 'e'}"],
        [1, "2026-11-23", f"{12 * 'f'}; {12 * 'e'}"],
    ]


def test_reports_of_several_machines_are_put_together(tmp_path):
    first = report(tmp_path / "a", "results_x", 0.5, seeds=(0, 1), **{P: 0.3})
    second = report(tmp_path / "b", "results_x", 0.7, seeds=(1, 2), **{P: 0.3})
    both = files.merged(first, second)
    assert both.clients.groupby("seed")["accuracy"].mean().to_dict() == {0: 0.5, 1: 0.7, 2: 0.7}
    assert both.frontier.set_index("seed")["global_accuracy"].to_dict() == {0: 50.0, 1: 70.0, 2: 70.0}
    assert both.frontier["local_drop"].tolist() == [3.0] * 3
    files.write_results(both, tmp_path / "results")
    again = files.read_results(tmp_path / "results")
    for name, form in FORMS.items():
        assert list(getattr(again, name)) == form.columns
        pd.testing.assert_frame_equal(getattr(again, name), getattr(both, name), check_dtype=False)
    before = (tmp_path / "results" / "clients.csv.gz").read_bytes()
    files.write_results(again, tmp_path / "results")
    assert (tmp_path / "results" / "clients.csv.gz").read_bytes() == before


@pytest.mark.parametrize("column", ["data", "settings"])
def test_points_that_are_not_of_one_experiment_are_not_put_together(column, tmp_path):
    old = report(tmp_path / "a", "results_x", 0.5, seeds=(0, 1), **{P: 0.3})
    new = report(tmp_path / "b", "results_x", 0.7, seeds=(2,), **{P: 0.3})
    others = replace(new, points=new.points.assign(**{column: "another"}))
    with pytest.raises(ValueError, match=f"results_x have different {column}.*: another, {ORIGIN[column]}"):
        files.merged(old, others)
    unknown = replace(old, points=old.points.assign(**{column: "unknown"}))
    assert len(files.merged(unknown, others).points) == 3
    all_anew = report(tmp_path / "c", "results_x", 0.7, seeds=(0, 1), **{P: 0.3})
    assert (
        len(files.merged(old, replace(all_anew, points=all_anew.points.assign(**{column: "another"}))).points)
        == 2
    )


@pytest.mark.parametrize(
    ("name", "axes", "setting"),
    [
        ("results_x_both", {ALPHA: 0.05, Q: 0.9}, "paper, q = 0.9, alpha = 0.05"),
        ("results_x", {P: 0.3}, "paper"),
        ("results_x_tuned", {P: 0.3}, "tuned"),
        ("results_x_dirichlet", {ALPHA: 0.05}, "paper, alpha = 0.05"),
        ("results_x_opt_out", {P: 1.0, Q: 0.9}, "paper, q = 0.9"),
    ],
)
def test_a_setting_is_named_by_its_experiment_and_all_but_p(name, axes, setting, tmp_path):
    found = report(tmp_path, name, 0.5, **axes)
    means = files.means_by_seed(found.clients)
    assert set(means["setting"]) == set(found.frontier["setting"]) == set(found.gates["setting"]) == {setting}
    assert means["p"].fillna(-1).tolist() == [axes.get(P, -1)] * 2
    assert means["accuracy"].tolist() == [50.0, 50.0]


def test_a_difference_is_turned_where_the_summary_has_it_the_other_way():
    row = {
        "environment": "digits",
        P: 0.3,
        "clients": "all",
        "method": "density_ratio",
        "reference": "mixture",
    }
    values = {"local_accuracy": 0.02, "local_accuracy_low": 0.01, "local_accuracy_high": 0.05}
    values |= {"global_accuracy": -0.02, "global_accuracy_low": -0.04, "global_accuracy_high": 0.01}
    other = {**row, "method": "finetuned", "reference": "mixture"}
    table = results_page.difference_table(pd.DataFrame([{**row, **values}, {**other, **values}]))
    cells = {cells[:3]: cells[3:] for cells in table.rows}
    assert table.head == ("method", "against", "test", "p = 0.3")
    assert cells["Density ratio", "Mixture", "local"] == ("+2.0 [1.0, 5.0]",)
    assert cells["Mixture", "Fine-tuned", "local"] == ("-2.0 [-5.0, -1.0]",)
    assert cells["Mixture", "Fine-tuned", "global"] == ("+2.0 [-1.0, 4.0]",)


def test_what_is_finished_is_counted_by_seed():
    done = [(0.3, 0), (0.6, 0), (0.6, 0), (0.3, 2)]
    clients = pd.DataFrame(done, columns=[P, "seed"]).assign(
        experiment="results_fashion_mnist", **{ALPHA: np.nan, Q: np.nan}
    )
    table = results_page.finished_table(clients)
    assert table.head == ("experiment", "seed = 0", "seed = 1", "seed = 2", "seed = 3")
    assert table.rows == (("`results_fashion_mnist`", "2 of 5", "0 of 5", "1 of 5", "0 of 5"),)


def test_a_family_is_all_that_differs_in_p_or_alpha_alone():
    settings = [
        "paper, alpha = 0.05",
        "paper, alpha = 10",
        "paper, q = 0.9, alpha = 1",
        "paper",
        "paper, q = 0.9",
    ]
    table = pd.DataFrame(
        {"dataset": "digits", "setting": settings, "p": [*3 * [np.nan], 0.3, 0.3], "method": "x", "seed": 4}
    )
    found = dict(results_page.families(table))
    assert {name: list(rows.columns) for name, rows in found.items()} == {
        "digits, paper, Dirichlet": ["environment", ALPHA, "seed", "method"],
        "digits, paper, q = 0.9, Dirichlet": ["environment", ALPHA, "seed", "method"],
        "digits, paper": ["environment", P, "seed", "method"],
        "digits, paper, q = 0.9": ["environment", P, "seed", "method"],
    }
    assert found["digits, paper, Dirichlet"][ALPHA].tolist() == [0.05, 10]
    assert found["digits, paper"][P].tolist() == [0.3]


def test_a_frontier_is_compared_with_a_constant_weight_on_the_same_seeds():
    losses = np.arange(1, 21) / 2
    kept = {"constant": (50.0, 1), "density_ratio": (52.0, 1.001)}
    rows = [
        {"dataset": "digits", "setting": "paper", "p": 0.6, "method": method, "calibrated": False}
        | {"seed": seed, "local_drop": loss, "global_accuracy": value + seed * slope + (loss > 3)}
        for method, (value, slope) in kept.items()
        for seed in (0, 2)
        for loss in losses
    ]
    ((_, moved),) = results_page.families(pd.DataFrame(rows))
    summary = results_page.frontier_summary(moved)
    assert results_page.area_table(summary).rows == (
        ("Density ratio", "53.7 (+2.0 [2.0, 2.0])"),
        ("Constant", "51.7"),
    )
    assert results_page.kept_table(summary).rows == (
        ("Density ratio", "53.0 / 53.0 / 54.0"),
        ("Constant", "51.0 / 51.0 / 52.0"),
    )


def tuning_report(folder, rows):
    """The part of a tuning experiment's report that is read: p, learning rate, seed, round, loss."""
    columns = [P, RATE, "seed", "round", "validation_loss"]
    (folder / "tuning_x").mkdir(parents=True)
    table = pd.DataFrame(rows, columns=columns).assign(environment="digits", validation_accuracy=0.5)
    table.to_csv(folder / "tuning_x" / "validation.csv", index=False)
    table[[P, RATE, "seed"]].assign(**ORIGIN).to_csv(folder / "tuning_x" / "points.csv", index=False)
    return files.read_report(folder / "tuning_x")


def test_learning_rates_are_compared_by_their_lowest_validation_loss(tmp_path):
    first = [(0.6, 0.0002, 100, 350, 1.5), (1.0, 0.0002, 100, 50, 2.5), (0.6, 0.001, 100, 100, 9.0)]
    again = [(0.6, 0.001, 100, 200, 1.25), (1.0, 0.001, 100, 150, 1.75)]
    both = files.merged(tuning_report(tmp_path / "a", first), tuning_report(tmp_path / "b", again))
    others = report(tmp_path, "results_x", 0.5, **{P: 0.6})
    files.write_results(files.merged(both, others), tmp_path)
    ((name, table),) = results_tuning.tuning_tables(files.read_results(tmp_path).validation)
    assert name == "tuning_x"
    assert table.head == ("learning rate", "p = 0.6", "p = 1", "mean")
    assert table.rows == (
        ("0.0002", "1.500 (350)", "2.500 (50)", "2.000"),
        ("0.001", "1.250 (200)", "1.750 (150)", "1.500"),
    )
    unfinished = tuning_report(tmp_path / "c", first)
    ((_, table),) = results_tuning.tuning_tables(unfinished.validation)
    assert table.rows[1] == ("0.001", "9.000 (100)", "", ""), "a mean over other p would be no comparison"


def test_gates_are_compared_by_their_learning_rate_on_seeds_that_have_all(tmp_path):
    folder = tmp_path / "gate_rates_x"
    folder.mkdir()
    tables = {name: [] for name in ("results", "frontier", "gates", "points")}
    tried = ((0, None, 0.5), (0, 0.01, 0.7), (1, None, 0.6), (1, 0.01, 0.9), (2, None, 0.1), (3, None, 0.1))
    for seed, rate, accuracy in tried:
        where = {"environment": "digits", P: 0.9 if seed == 3 else 0.8, GATE_RATE: rate, "seed": seed}
        for method, test, more in (
            ("mixture", "local", 0.0),
            ("mixture", "global", -0.1),
            ("fedavg", "local", -0.4),
        ):
            about = {**where, "method": method, "calibrated": False, "test_set": test}
            tables["results"] += [
                {**about, "client_id": c, "accuracy": accuracy + more + c} for c in (-0.1, 0.1)
            ]
        for method, curve in (("mixture", (0.4, 0.6)), ("constant", (accuracy, accuracy - 0.1))):
            about = {**where, "method": method, "calibrated": False}
            tables["frontier"] += [
                {**about, "local_drop": drop, "global_accuracy": value}
                for drop, value in zip((0.01, 0.02), curve, strict=True)
            ]
        for test, group, weight in (
            ("local", "all", 0.5),
            ("global", "all", 0.4),
            ("local", "majority", 0.6),
        ):
            tables["gates"].append({**where, "test_set": test, "class_group": group, "mean_weight": weight})
        tables["points"].append({**where, **ORIGIN})
    for name, rows in tables.items():
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    found = files.merged(files.read_results(tmp_path), files.read_report(folder))
    assert len(found.points) == len(found.gate_rates) == 6
    ((name, table),) = results_gates.gate_rate_tables(found.gate_rates)
    assert name == "gate_rates_x"
    weights = ("0.500", "0.400", "0.600", "")
    assert table.rows == (
        ("0.8", "the specialist's", "2", "55.0", "45.0", "50.0", "+0.0 [-63.5, 63.5]", *weights),
        ("0.8", "0.01", "2", "80.0", "70.0", "50.0", "-25.0 [-152.1, 102.1]", *weights),
    )


def test_rates_are_compared_on_the_seeds_that_both_have(tmp_path):
    papers = report(tmp_path, "results_x", 0.5, seeds=(0, 1, 2), **{P: 0.3}).clients
    tuned = report(tmp_path, "results_x_tuned", 0.75, seeds=(1, 2, 3), **{P: 0.3}).clients
    papers.loc[papers["seed"] == 0, "accuracy"] = 0.1
    papers.loc[papers["seed"] == 2, "accuracy"] = 0.6
    every = pd.concat([papers, tuned])
    every = pd.concat([every, every.assign(method="mixture"), every.assign(calibrated=True, accuracy=0.0)])
    ((name, table),) = results_tuning.rate_comparisons(every)
    assert name == "results_x_tuned, rates"
    assert table.head[2:] == ("FedAvg", "FedAvg, paper's rate", "Mixture", "Mixture, paper's rate")
    assert table.rows == (("0.3", "2", "75.0 / 75.0", "55.0 / 55.0", "75.0 / 75.0", "55.0 / 55.0"),)
    assert not list(results_tuning.rate_comparisons(every[every["seed"].isin([0, 3])]))


def test_a_method_that_comes_near_its_specialists_anywhere_is_shown_everywhere():
    row = {"dataset": "digits", "setting": "paper", "calibrated": False, "seed": 0}
    rows = [
        {**row, "p": p, "method": method, "local_drop": loss, "global_accuracy": 50.0 if kept else np.nan}
        for p, method, kept in [
            (0.6, "constant", True),
            (0.6, "wise_ft", True),
            (0.6, "prior_shift", False),
            (0.8, "constant", True),
            (0.8, "wise_ft", False),
            (0.8, "prior_shift", False),
        ]
        for loss in np.arange(1, 21) / 2
    ]
    ((_, moved),) = results_page.families(pd.DataFrame(rows))
    table = results_page.area_table(results_page.frontier_summary(moved))
    assert table.rows == (("WiSE-FT", "50.0 (+0.0)", "n/a"), ("Constant", "50.0", "50.0"))


def test_nothing_is_read_where_there_is_nothing(tmp_path):
    empty = files.read_results(tmp_path)
    assert not any(len(getattr(empty, name)) for name in FORMS)
    new = report(tmp_path, "results_x", 0.5, **{P: np.float64(0.3)})
    assert len(files.merged(empty, new).clients) == 2


def test_a_glance_has_a_sign_for_each_setting():
    """p = 0.3 has two seeds, which disagree about the global test; p = 0.6 has one."""
    rows = [
        {
            "experiment": "results_fashion_mnist",
            "environment": "fashion_mnist",
            P: p,
            ALPHA: np.nan,
            Q: np.nan,
            "seed": seed,
            "client_id": client,
            "method": method,
            "calibrated": False,
            "test_set": test,
            "opted_out": False,
            "unseen": False,
            "n": 10,
            "accuracy": accuracy + 0.1 * accuracy * client * (test == "local"),
            "loss": 0.1,
            "ece": 0.1,
        }
        for p, seed in ((0.3, 0), (0.3, 1), (0.6, 0))
        for client in range(3)
        for method, test, accuracy in (
            ("fedavg", "local", 0.5),
            ("fedavg", "global", 0.5),
            ("mixture", "local", 0.7 + 0.01 * seed),
            ("mixture", "global", 0.4 + 0.2 * seed),
        )
    ]
    areas = [(0.3, 0, 60.0), (0.3, 1, 60.1), (0.6, 0, 60.0)]
    frontier = pd.DataFrame(
        [
            {"dataset": "fashion_mnist", "setting": "paper", "p": p, "seed": seed, "calibrated": False}
            | {"method": method, "local_drop": 100 * drop, "global_accuracy": accuracy}
            for p, seed, ahead in areas
            for method, accuracy in (("constant", 50.0), ("wise_ft", ahead))
            for drop in AREA
        ]
    )
    made = files.Results.of({"clients": pd.DataFrame(rows), "frontier": frontier})
    table = glance_table(made)
    assert table.head == ("comparison", "on", "Fashion-MNIST")
    cells = {row[:2]: row[2] for row in table.rows}
    assert cells["p or alpha", ""] == "0.3, 0.6"
    assert cells["seeds", ""] == "1 to 2"
    assert cells["Mixture against FedAvg", "local"] == "`++`"
    assert cells["Mixture against FedAvg", "global"] == "`·?`"
    assert [results_glance._sign(low, low + 0.03, 0.01) for low in (0.011, 0.009, -0.039, -0.041)] == list(
        "+··-"
    )
    assert cells["WiSE-FT against a constant weight", "frontier"] == "`+?`"
    assert cells["Density ratio against a constant weight", "frontier"].strip("`").strip() == ""


def test_areas_are_compared_on_the_seeds_that_have_both():
    """The density ratio is two points ahead of a constant weight, and level with WiSE-FT in the mean."""
    ends = {"density_ratio": (52.0, 62.0), "constant": (50.0, 60.0), "wise_ft": (51.0, 63.0)}
    rows = [
        {"dataset": "cifar10_jpg", "setting": setting, "p": p, "seed": seed, "calibrated": False}
        | {"method": method, "local_drop": 100 * drop, "global_accuracy": by_seed[seed]}
        for setting, p, seeds in (("paper, alpha = 0.1", np.nan, (0, 1)), ("paper", 1.0, (0,)))
        for seed in seeds
        for method, by_seed in ends.items()
        for drop in AREA
    ]
    frontier = pd.DataFrame(rows)
    table = results_areas.lead_table(frontier)
    assert table.rows == (("CIFAR-10 (JPEG)", "Dirichlet", "0.1", "2", "+2.0", "", "+0.0 [-12.7, 12.7]", ""),)
    gone = frontier["method"].eq("constant") & frontier["local_drop"].le(0.5) & frontier["seed"].eq(1)
    part = frontier[frontier["p"].isna()].assign(
        global_accuracy=frontier["global_accuracy"].mask(gone & frontier["p"].isna())
    )
    areas = results_areas.area_by_seed(part)
    assert areas["constant"].isna().tolist() == [False, True]
    assert np.isnan(results_areas.lead(areas, "density_ratio", "constant").value)
    assert results_areas.lead(areas, "density_ratio", "prior_shift") is None


def test_one_seeds_intervals_are_held_against_the_other_seeds():
    """Three seeds agree about the difference and are sure of it; the fourth is sure of another."""
    gains = {0: (0.1, 0.102), 1: (0.1, 0.102), 2: (0.1, 0.102), 3: (0.3, 0.302)}
    rows = [
        {"experiment": "x", P: 1.0, ALPHA: np.nan, Q: np.nan, "seed": seed, "client_id": client}
        | {"method": method, "calibrated": False, "test_set": test, "accuracy": 0.5 + gain}
        for seed, by_client in gains.items()
        for client, gain_of in enumerate(by_client)
        for test in ("local", "global")
        for method, gain in (("fedavg", 0.0), ("mixture", gain_of if test == "local" else 0.1))
    ]
    local, common = results_coverage.coverage_table(pd.DataFrame(rows)).rows
    assert local == ("local", "4", "0.0")
    assert common == ("global", "0", ""), "one number for all clients has no interval"
    wider = pd.DataFrame(rows)
    first = wider["client_id"].eq(0) & wider["method"].eq("mixture") & wider["test_set"].eq("local")
    wider.loc[first, "accuracy"] -= 0.4
    assert results_coverage.coverage_table(wider).rows[0] == ("local", "4", "100")
    three = wider[wider["seed"] < 3]
    assert results_coverage.coverage_table(three).rows[0] == ("local", "0", "")


def test_those_who_opted_out_are_looked_at_by_themselves():
    """Client 2 has not opted out, and its mixture is much better; client 1 does worse than alone."""
    accuracies = {0: (0.5, 0.6, 0.6), 1: (0.5, 0.45, 0.5), 2: (0.1, 0.9, 0.9)}
    rows = [
        {"experiment": "results_x", "environment": "cifar10_jpg", P: 0.8, ALPHA: np.nan, Q: 0.9, "seed": 0}
        | {"client_id": client, "method": method, "calibrated": False, "test_set": test, "n": 10}
        | {"opted_out": client != 2, "unseen": False, "accuracy": accuracy, "loss": 0.1, "ece": 0.1}
        for client, by_method in accuracies.items()
        for method, accuracy in zip(("local", "mixture", "finetuned"), by_method, strict=True)
        for test in ("local", "global")
    ]
    fedavg = [{**row, "method": "fedavg"} for row in rows if row["method"] == "local"]
    clients = pd.DataFrame([*rows, *fedavg])
    _, differences = summarise_points(clients.drop(columns=["experiment", ALPHA]), 200, 0.95)
    own = differences[differences["clients"] == "opted_out"]
    table = results_opt_out.opted_out_table(own, clients[clients["opted_out"]])
    (row,) = table.rows
    assert row[:4] == ("0.8", "0.9", "1", "2")
    assert [cell.split(" ")[0] for cell in row[4:]] == ["+2.5", "+5.0", "-2.5", "50.0"]
