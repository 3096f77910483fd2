"""Methods with a calibrated generalist beside themselves: told apart wherever they are shown."""

from io import StringIO

import pandas as pd
import pytest
from rich.console import Console

from fedexperts.evaluation.console import comparison_table
from fedexperts.evaluation.display import KNOWN_LOOKS, is_attainable, looks, predictors
from fedexperts.evaluation.distributions import client_accuracy
from fedexperts.evaluation.picture import comparison
from fedexperts.evaluation.reading import describe_result
from fedexperts.evaluation.report import Run, render_report
from fedexperts.evaluation.statistics import mean_scores, pair_clients, summarise
from fedexperts.evaluation.tradeoff import accuracy_tradeoff

BOTH = ("fedavg", "mixture", "oracle")
NAMES = [
    "fedavg",
    "fedavg+calibrated",
    "finetuned",
    "mixture",
    "mixture+calibrated",
    "oracle",
    "oracle+calibrated",
]


@pytest.fixture(scope="module")
def calibrated(make_results):
    return make_results(clients=8, opted_out=0.0, methods=(*BOTH, "finetuned"), calibrated=BOTH)


@pytest.fixture(scope="module")
def summary(calibrated):
    return summarise(calibrated.client_metrics, calibrated.evaluation, calibrated.seed)


def test_names_tell_the_two_forms_apart(calibrated):
    table = pd.DataFrame({"method": ["mixture", "mixture"], "calibrated": [False, True]})
    assert predictors(table).tolist() == ["mixture", "mixture+calibrated"]
    assert pair_clients(calibrated.client_metrics).methods == tuple(NAMES)


def test_a_form_is_shown_beside_its_method_in_its_colour_and_hollow():
    found = looks(["oracle+calibrated", "ditto+calibrated", "mixture+calibrated", "mixture"])
    assert list(found) == ["mixture", "mixture+calibrated", "ditto+calibrated", "oracle+calibrated"]
    assert found["mixture+calibrated"].colour == KNOWN_LOOKS["mixture"].colour
    assert found["mixture+calibrated"].symbol == "circle-open"
    assert found["mixture+calibrated"].full_label == "Mixture, calibrated"
    assert found["ditto+calibrated"].label == "ditto, calibrated"
    assert is_attainable("mixture+calibrated")
    assert not is_attainable("oracle+calibrated")


def test_the_summary_and_the_scores_keep_the_two_columns_apart(calibrated, summary):
    metrics = calibrated.client_metrics
    for found in (summary, mean_scores(metrics)):
        assert predictors(found).tolist() == NAMES
    row = summary[(summary["method"] == "mixture") & summary["calibrated"]].iloc[0]
    chosen = metrics[(metrics["method"] == "mixture") & metrics["calibrated"]]
    local = chosen[chosen["test_set"] == "local"]
    assert row["local_accuracy"] == pytest.approx(local["accuracy"].mean())
    scores = mean_scores(metrics)
    scores = scores[(scores["method"] == "mixture") & scores["calibrated"]].iloc[0]
    assert scores["local_loss"] == pytest.approx(local["loss"].mean())
    plain = summarise(metrics[~metrics["calibrated"]], calibrated.evaluation, calibrated.seed)
    kept = summary[~summary["calibrated"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(plain, kept)


def test_the_terminal_shows_a_form_below_its_method(summary):
    stream = StringIO()
    Console(file=stream, width=100).print(comparison_table(summary))
    lines = [line.strip().split("  ")[0] for line in stream.getvalue().splitlines()]
    shown = [
        line for line in lines if line in {*BOTH, "finetuned", "oracle *", "+ calibrated", "+ calibrated *"}
    ]
    assert shown == [
        "fedavg",
        "+ calibrated",
        "finetuned",
        "mixture",
        "+ calibrated",
        "oracle *",
        "+ calibrated *",
    ]
    assert stream.getvalue().count("reference") == 1
    assert "with a calibrated generalist" in stream.getvalue()
    assert max(len(line.rstrip()) for line in stream.getvalue().splitlines()) <= 100


def test_the_figures_hold_both_forms(calibrated, summary):
    drawn = accuracy_tradeoff(summary)
    traces = {trace.meta: trace for trace in drawn.data if trace.meta}
    assert list(traces) == NAMES
    row = summary[(summary["method"] == "mixture") & summary["calibrated"]].iloc[0]
    assert traces["mixture+calibrated"].x[0] == row["local_accuracy"]
    joined = [(trace.x, trace.y) for trace in drawn.data if trace.mode == "lines"]
    assert len(joined) == len(BOTH)
    assert (traces["mixture"].x + traces["mixture+calibrated"].x) in [x for x, _ in joined]
    # names beside every point would hide each other
    assert len(drawn.layout.annotations) == len(NAMES) - len(BOTH)
    assert "Hollow" in drawn.layout.title.subtitle.text
    every = {trace.meta for trace in client_accuracy(calibrated.client_metrics).data if trace.meta}
    assert every == set(NAMES)
    labels = [text.get_text() for text in comparison(summary).axes[1].get_yticklabels()]
    assert labels[:2] == ["FedAvg", "+ calibrated"]


def test_the_report_names_and_explains_both_forms(calibrated, summary, environment):
    run = Run(
        "digits",
        calibrated.client_metrics,
        summary,
        {},
        {},
        environment,
        calibrated.evaluation,
        calibrated.seed,
        calibrated.federation_history,
    )
    html = render_report(run)
    assert "<code>mixture+calibrated</code>" in html
    assert "<dt>Calibrated</dt>" in html
    text = " ".join(describe_result(calibrated.client_metrics, calibrated.evaluation, calibrated.seed))
    assert "with calibration" in text


def test_without_calibration_nothing_speaks_of_it(results, environment):
    summary = summarise(results.client_metrics, results.evaluation, results.seed)
    stream = StringIO()
    Console(file=stream, width=100).print(comparison_table(summary))
    run = Run(
        "digits",
        results.client_metrics,
        summary,
        {},
        {},
        environment,
        results.evaluation,
        results.seed,
        results.federation_history,
    )
    assert "calibrated" not in stream.getvalue()
    assert "<dt>Calibrated</dt>" not in render_report(run)
    assert "Hollow" not in accuracy_tradeoff(summary).layout.title.subtitle.text
