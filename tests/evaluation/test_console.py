from io import StringIO

import pytest
from rich.console import Console

from fedexperts.evaluation.console import comparison_table
from fedexperts.evaluation.display import listing, looks, percent, percent_interval
from fedexperts.evaluation.statistics import summarise


def shown(summary):
    stream = StringIO()
    Console(file=stream, width=100).print(comparison_table(summary))
    return stream.getvalue()


def test_every_method_has_a_line_with_all_its_numbers(results):
    summary = summarise(results.client_metrics, results.evaluation, results.seed)
    text = shown(summary)
    lines = text.splitlines()
    for row in summary.to_dict("records"):
        bounds = percent_interval(row["local_accuracy_low"], row["local_accuracy_high"])
        cell = f"{percent(row['local_accuracy'])} {bounds}"
        assert any(line.strip().startswith(row["method"]) and cell in line for line in lines), row["method"]
    assert "oracle *" in text
    assert "not attainable" in text
    assert "Opted out (12)" in text
    assert max(map(len, lines)) <= 100
    assert "…" not in text


def test_the_widest_numbers_fit(results):
    summary = summarise(results.client_metrics, results.evaluation, results.seed)
    numbers = [column for column in summary if summary[column].dtype == float]
    summary[numbers] = 0.9876
    summary["method"] = summary["method"].replace("average", "an_unusually_long_[bold]name")
    text = shown(summary)
    assert "98.8 [98.8, 98.8]" in text
    assert "[bold]" in text.replace("\n", "")
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100


def test_one_group_needs_no_heading(make_results):
    results = make_results(clients=4, opted_out=0.0, methods=("fedavg", "mixture"))
    text = shown(summarise(results.client_metrics, results.evaluation, results.seed))
    assert "All clients" not in text
    assert "attainable" not in text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.91234, "91.2"),
        (1.0, "100"),
        (0.9999, "100"),
        (0.0, "0.0"),
        (-0.00001, "0.0"),
        (float("nan"), "n/a"),
    ],
)
def test_percent(share, text):
    assert percent(share) == text


def test_listing():
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"


def test_many_unknown_methods_all_have_a_look():
    found = looks([f"method_{number}" for number in range(20)])
    assert len(found) == 20
    assert len({look.colour + look.symbol for look in found.values()}) == 20
