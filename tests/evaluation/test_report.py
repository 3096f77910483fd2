import re
from dataclasses import dataclass, replace
from html import unescape
from html.parser import HTMLParser

import pytest

from fedexperts.evaluation.distributions import client_accuracy, gate_weight
from fedexperts.evaluation.figures import class_mix, validation_curve
from fedexperts.evaluation.report import Run, flatten_settings, render_report
from fedexperts.evaluation.statistics import summarise
from fedexperts.evaluation.tradeoff import accuracy_tradeoff
from fedexperts.examples import Examples


def render(results, environment, dataset="digits"):
    summary = summarise(results.client_metrics, results.evaluation, results.seed)
    figures = {
        "accuracy_tradeoff": accuracy_tradeoff(summary),
        "validation_curve": validation_curve(results.federation_history),
        "client_accuracy": client_accuracy(results.client_metrics),
        "gate_weight": gate_weight(results.gate_weights),
        "class_mix": class_mix(results.clients, results.examples.class_names),
    }
    return render_report(
        Run(
            dataset,
            results.client_metrics,
            summary,
            figures,
            results.parameters,
            environment,
            results.evaluation,
            results.seed,
            results.federation_history,
        )
    )


class Page(HTMLParser):
    """Collects tags, what the page would load, and what a reader sees."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.loads, self.text, self.ids = [], [], [], set()
        self.hidden = 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        self.hidden += tag in ("script", "style")
        self.loads += [given[name] for name in ("src", "href", "data", "srcset") if given.get(name)]
        self.ids.add(given.get("id"))

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style")

    def handle_data(self, data):
        if not self.hidden:
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


@pytest.fixture(scope="module")
def html(results, environment):
    return render(results, environment)


def test_the_report_needs_nothing_but_itself(html, page):
    assert page.loads == ["data:,"]
    styles = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    assert "url(" not in styles
    assert "@import" not in styles
    assert html.count("plotly.js v") == 1
    assert html.count("Plotly.newPlot(") >= 5


def test_every_method_setting_figure_and_version_is_there(html, page, results, environment):
    readable = unescape(re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL))
    for method in results.client_metrics["method"].unique():
        assert f"<code>{method}</code>" in html
    for name, value in flatten_settings(results.parameters).items():
        cells = rf">{re.escape(name.split('.', 1)[-1])}</th><td>{re.escape(value)}</td>"
        assert re.search(cells, readable), name
    for name in ("accuracy_tradeoff", "validation_curve", "client_accuracy", "gate_weight", "class_mix"):
        assert f"figure-{name}" in page.ids
    for key, value in environment.items():
        assert f">{key}</th><td>{value}</td>" in html
    assert "personalised federated learning on digits" in page.words.lower()


def test_numbers_in_the_table_are_those_of_the_summary(html, results):
    summary = summarise(results.client_metrics, results.evaluation, results.seed)
    mixture = summary[summary["method"] == "mixture"].iloc[0]
    low, high = mixture["bottom_decile_low"], mixture["bottom_decile_high"]
    assert (
        f"<td>{100 * mixture['bottom_decile']:.1f}<small>[{100 * low:.1f}, {100 * high:.1f}]</small>" in html
    )


def test_the_oracle_is_marked_wherever_it_stands(html):
    body = html.replace("\n", " ")
    rows = re.findall(r"<tr[^>]*><th scope=\"row\">(?:(?!</tr>).)*<code>oracle</code>.*?</tr>", body)
    assert len(rows) == 4  # three groups of clients, and loss and calibration
    assert all("not attainable" in row for row in rows)


def test_terms_are_explained(html, page):
    for term in ("Local test", "Global test", "Bottom decile", "Clients hurt"):
        assert f"<dt>{term}</dt>" in html
    assert "95% interval" in page.words


def test_a_dirty_tree_is_said_visibly(page, results, environment):
    assert "Uncommitted changes" not in page.words
    assert "Uncommitted changes" in Page(render(results, environment | {"git_state": "dirty"})).words


def test_names_are_text_and_never_markup(make_results, environment):
    evil = "<img src=x onerror=alert(1)>"
    results = make_results(clients=4, methods=("fedavg", "mixture", evil))
    examples = results.examples
    named = Examples(examples.features, examples.labels, (evil, "</script><b>", *examples.class_names[2:]))
    html = render(Replaced(results, named, {evil: evil}), environment | {evil: evil}, dataset=evil)
    page = Page(html)
    assert "img" not in page.tags
    assert "b" not in page.tags
    assert page.tags.count("script") == html.count("</script>")
    assert evil in page.words


@dataclass
class Replaced:
    """Results with other examples and further settings."""

    results: object
    examples: Examples
    extra: dict

    @property
    def parameters(self):
        return self.results.parameters | self.extra

    def __getattr__(self, name):
        return getattr(self.results, name)


def test_the_same_input_gives_the_same_report(html, results, environment):
    # Not compared by assert itself: it would explain five million letters.
    same = render(results, environment) == html
    assert same


@pytest.mark.parametrize("methods", [("fedavg",), ("fedavg", "ditto", "oracle")])
def test_a_single_client_without_gates(make_results, environment, methods):
    results = make_results(clients=1, opted_out=0.0, methods=methods)
    results = replace(results, gate_weights=results.gate_weights.iloc[:0])
    page = Page(render(results, environment))
    assert "Only one client was evaluated" in page.words
    for method in methods:
        assert method in page.words.lower()


def test_settings_are_flattened():
    flat = flatten_settings(
        {"a": {"b": {"c": None, "d": True}}, "e": [1, "x"], "f": {"depth": 2}, "g": "<é>", "h": {}}
    )
    assert flat == {
        "a.b.c": "null",
        "a.b.d": "true",
        "e": '[1, "x"]',
        "f.depth": "2",
        "g": "<é>",
        "h": "{}",
    }
