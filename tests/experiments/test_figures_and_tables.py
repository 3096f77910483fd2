"""The paper's tables and figures, from made-up results."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fedexperts.errors import UserError
from fedexperts.experiments import charts
from fedexperts.experiments.grid import expand
from fedexperts.experiments.page import as_page
from fedexperts.experiments.paper_tables import as_latex, as_markdown, table1
from fedexperts.experiments.picture import as_picture
from fedexperts.experiments.report import CHARTS, check_figures
from fedexperts.experiments.specification import Experiment

MEASURES = ("local_accuracy", "global_accuracy", "global_ratio")


def summary(axes, environment="cifar10", methods=("fedavg", "local", "finetuned", "mixture")):
    rng = np.random.default_rng(0)
    rows = []
    for values in axes:
        for method in methods:
            row = {"environment": environment, **values, "clients": "all", "n_seeds": 2, "method": method}
            for measure in MEASURES:
                value = round(float(rng.uniform(0.3, 0.8)), 3)
                row |= {measure: value, f"{measure}_low": value - 0.1, f"{measure}_high": value + 0.1}
            rows.append(row)
    return pd.DataFrame(rows)


P, ALPHA, Q, RATE = charts.P, charts.ALPHA, charts.Q, charts.RATE
EXAMPLES = {
    "figure2": summary([{P: p, RATE: rate} for p in (0.2, 1.0) for rate in (1e-5, 1e-3)]),
    "figure4": summary([{P: p} for p in (1.0, 0.3, 0.6)]),
    "figure5": summary([{ALPHA: alpha} for alpha in (0.05, 1.0, 100.0)], "fashion_mnist"),
    "figure3": summary([{P: p} for p in (0.3, 1.0)]),
    "figure6": summary([{Q: q, P: p} for q in (0.9, 0.95) for p in (0.2, 0.6)]),
}


def curves(chart):
    return {
        (panel.title, curve.look.label, curve.published): curve
        for panel in chart.panels
        for curve in panel.curves
    }


def test_figure4_draws_ours_beside_the_papers():
    table = EXAMPLES["figure4"]
    found = curves(charts.figure4(table))
    assert [label for _, label, published in found if not published] == ["Local", "Fine-tuned", "Mixture"]
    ours, theirs = found["CIFAR-10", "Mixture", False], found["CIFAR-10", "Mixture", True]
    rows = table[table["method"] == "mixture"].sort_values(P)
    assert (ours.x, ours.y) == ((0.3, 0.6, 1.0), tuple(rows["global_ratio"]))
    assert ours.above == pytest.approx([0.1] * 3)
    assert ours.below == pytest.approx([0.1] * 3)
    assert theirs.y == pytest.approx((41.57 / 42.65, 26.37 / 30.47, 14.66 / 15.08), abs=1e-4)


def test_figure2_has_a_curve_of_fedavg_for_each_p():
    found = curves(charts.figure2(EXAMPLES["figure2"]))
    assert [label for _, label, _ in found] == ["p = 0.2", "p = 1"]
    assert found["CIFAR-10", "p = 1", False].x == (1e-5, 1e-3)


def test_figure5_knows_what_was_digitised():
    found = curves(charts.figure5(EXAMPLES["figure5"]))
    assert found["Fashion-MNIST", "Fine-tuned", True].y == (0.5, 0.93, 1.0)
    assert ("Fashion-MNIST", "Local", True) not in found


def test_figure3_has_the_values_of_table1():
    theirs = curves(charts.figure3(EXAMPLES["figure3"]))["CIFAR-10", "Mixture", True]
    assert (theirs.x, theirs.y) == ((0.4386, 0.7856), (0.4157, 0.1466))


def test_figure6_has_a_panel_for_each_share_of_opted_out_clients():
    chart = charts.figure3(EXAMPLES["figure6"])
    assert [panel.title for panel in chart.panels] == ["CIFAR-10, q = 0.9", "CIFAR-10, q = 0.95"]
    theirs = curves(chart)["CIFAR-10, q = 0.9", "FedAvg", True]
    assert (theirs.x, theirs.y) == ((0.363, 0.274), (0.357, 0.264))
    assert theirs.names == ("p = 0.2", "p = 0.6")


def test_a_figure_leaves_out_points_of_a_sweep_that_does_not_vary_what_it_shows():
    table = pd.concat([EXAMPLES["figure4"], summary([{P: np.nan}], "mnist")])
    assert [panel.title for panel in charts.figure4(table).panels] == ["CIFAR-10"]


def test_ends_of_curves_in_one_place_have_one_name():
    table = EXAMPLES["figure3"]
    table = table[table["method"].isin(["fedavg", "mixture"])]
    apart = table.assign(local_accuracy=[0.1, 0.3, 0.5, 0.7])
    together = table.assign(local_accuracy=[0.1, 0.11, 0.5, 0.7], global_accuracy=[0.2, 0.21, 0.4, 0.4])
    names = [
        [text.get_text() for text in as_picture(charts.figure3(rows)).axes[0].texts]
        for rows in (apart, together)
    ]
    assert sorted(names[0]) == ["p = 0.3", "p = 0.3", "p = 1", "p = 1"]
    assert sorted(names[1]) == ["p = 0.3", "p = 1", "p = 1"]


@pytest.mark.parametrize("name", list(CHARTS))
def test_every_figure_is_drawn_as_page_and_as_picture(name, tmp_path):
    chart = CHARTS[name](EXAMPLES[name])
    drawn = [curve for panel in chart.panels for curve in panel.curves]
    page = as_page(chart)
    assert len(page.data) == len(drawn)
    for trace, curve in zip(page.data, drawn, strict=True):
        assert (tuple(trace.x), tuple(trace.y)) == (curve.x, curve.y)
        assert (trace.line.dash == "dash") is curve.published
    assert sum(bool(trace.showlegend) for trace in page.data) == len({curve.look.label for curve in drawn})
    picture = as_picture(chart)
    for kind in ("svg", "pdf"):
        picture.savefig(tmp_path / f"picture.{kind}")
    assert (tmp_path / "picture.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")
    assert (tmp_path / "picture.pdf").read_bytes().startswith(b"%PDF")


def test_table1_has_ours_and_the_papers_in_one_cell():
    table = EXAMPLES["figure4"]
    row = table[(table["method"] == "mixture") & (table[P] == 0.6)].iloc[0]
    ours = f"{100 * row['global_accuracy']:.1f}"
    on_global, on_local = table1(table)
    assert on_global.head == ("environment", "p", "FedAvg", "Local", "Fine-tuned", "Mixture")
    assert [cells[:2] for cells in on_global.rows] == [
        ("CIFAR-10", "1"),
        ("CIFAR-10", "0.3"),
        ("CIFAR-10", "0.6"),
    ]
    low, high = 100 * (row["global_accuracy"] - 0.1), 100 * (row["global_accuracy"] + 0.1)
    assert on_global.rows[2][5] == f"{ours} [{low:.1f}, {high:.1f}] (26.4)"
    assert on_local.rows[2][5].endswith("(50.6)")
    text = as_markdown([on_global, on_local])
    assert f"| CIFAR-10 | 0.6 | {' | '.join(on_global.rows[2][2:])} |" in text


def test_latex_has_its_special_letters_escaped():
    table = summary([{P: 0.3}], environment="my_data&more", methods=("fedavg", "a_b%"))
    text = as_latex(table1(table))
    assert r"my\_data\&more & 0.3 &" in text
    assert r"FedAvg & a\_b\% \\" in text
    assert text.count(r"\begin{tabular}{llrr}") == text.count(r"\end{tabular}") == 2


def experiment(figures, grid):
    sweeps = [{"environments": ["test"], "grid": grid}]
    return Experiment.model_validate({"title": "t", "seeds": [0], "figures": figures, "sweeps": sweeps})


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        (["figure4"], "partition.majority_fraction"),
        (["figure7"], "Did you mean 'figure"),
        (["figure2"], "federation.learning_rate"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_refused_beforehand(figures, expected):
    asked = experiment(figures, {"partition.alpha": [1]})
    with pytest.raises(UserError) as error:
        check_figures(asked, expand(asked))
    assert expected in str(error.value)
    drawable = experiment(["figure5", "table1"], {"partition.alpha": [1]})
    check_figures(drawable, expand(drawable))
