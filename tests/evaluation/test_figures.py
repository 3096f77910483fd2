import warnings

import numpy as np
import pandas as pd
import pytest

from fedexperts.evaluation.distributions import MOST_DOTS, client_accuracy, gate_weight
from fedexperts.evaluation.figures import class_mix, validation_curve
from fedexperts.evaluation.labels import place_labels
from fedexperts.evaluation.picture import comparison
from fedexperts.evaluation.statistics import summarise
from fedexperts.evaluation.tradeoff import accuracy_tradeoff


def by_meta(drawn):
    return {trace.meta: trace for trace in drawn.data if trace.meta}


def summary_of(results):
    return summarise(results.client_metrics, results.evaluation, results.seed)


def test_the_tradeoff_holds_every_method_with_its_intervals(results):
    summary = summary_of(results)
    traces = by_meta(accuracy_tradeoff(summary))
    rows = summary[summary["clients"] == "all"].set_index("method")
    assert set(traces) == set(rows.index)
    for method, row in rows.iterrows():
        trace = traces[method]
        assert (trace.x[0], trace.y[0]) == (row["local_accuracy"], row["global_accuracy"])
        assert trace.x[0] + trace.error_x.array[0] == pytest.approx(row["local_accuracy_high"])
        assert trace.y[0] - trace.error_y.arrayminus[0] == pytest.approx(
            row["global_accuracy_low"], nan_ok=True
        )
        one_number = method == "fedavg"
        assert np.isnan(row["global_accuracy_low"]) == one_number
        assert ("[" in trace.hovertemplate.split("global")[1]) != one_number
    assert "not attainable" in traces["oracle"].name
    assert "not attainable" not in traces["mixture"].name


def test_the_tradeoff_escapes_names(make_results):
    results = make_results(clients=4, methods=("fedavg", "<script>"))
    drawn = accuracy_tradeoff(summary_of(results))
    assert by_meta(drawn)["<script>"].name == "&lt;script&gt;"
    assert all("<script>" not in annotation.text for annotation in drawn.layout.annotations)


def test_the_validation_curve_shows_validated_rounds_and_marks_the_kept_one(results):
    history = results.federation_history
    drawn = validation_curve(history)
    traces = by_meta(drawn)
    validated = history[history["validation_loss"].notna()]
    assert list(traces["validation_loss"].x) == list(validated["round"])
    assert list(traces["validation_accuracy"].y) == pytest.approx(list(validated["validation_accuracy"]))
    assert len(traces["train_loss"].x) == len(history)
    kept = int(history.loc[history["best"], "round"].iloc[0])
    assert {shape.x0 for shape in drawn.layout.shapes} == {kept}
    assert f"kept: round {kept}" in [annotation.text for annotation in drawn.layout.annotations]


def test_every_client_has_a_dot_for_every_method(results):
    traces = by_meta(client_accuracy(results.client_metrics))
    local = results.client_metrics[results.client_metrics["test_set"] == "local"]
    for method, rows in local.groupby("method"):
        assert list(traces[method].x) == list(rows["accuracy"])
        assert list(traces[method].marker.symbol).count("circle-open") == 12


def test_many_clients_are_drawn_as_shapes(make_results):
    results = make_results(clients=MOST_DOTS + 1, methods=("fedavg", "mixture"))
    drawn = client_accuracy(results.client_metrics)
    assert [trace.type for trace in drawn.data] == ["violin", "violin"]
    assert len(by_meta(drawn)["mixture"].x) == MOST_DOTS + 1


def test_gate_weights_are_shown_by_test_and_class_group(results):
    traces = by_meta(gate_weight(results.gate_weights))
    assert list(traces) == ["local majority", "local minority", "global majority", "global minority"]
    table = results.gate_weights.set_index(["test_set", "class_group"])
    for key, trace in traces.items():
        assert list(trace.x) == list(table.loc[tuple(key.split()), "mean_weight"])


def test_no_gate_leaves_a_sentence(results):
    for nothing in (results.gate_weights.iloc[:0], results.gate_weights.assign(mean_weight=np.nan)):
        drawn = gate_weight(nothing)
        assert not drawn.data
        assert "No gate" in drawn.layout.annotations[0].text


def test_class_mix_bars_add_up_to_one_and_hold_the_counts(results):
    drawn = class_mix(results.clients, results.examples.class_names)
    assert [trace.type for trace in drawn.data] == ["bar"] * 10
    assert np.sum([trace.y for trace in drawn.data], axis=0) == pytest.approx(np.ones(30))
    assert list(drawn.data[3].customdata) == list(results.clients["class_3"])
    assert drawn.data[0].x[0] == "0*"


def test_class_mix_of_many_clients_is_a_heat_map_with_every_client(make_results):
    results = make_results(clients=61)
    drawn = class_mix(results.clients, results.examples.class_names)
    heat = drawn.data[0]
    assert heat.type == "heatmap"
    assert np.shape(heat.z) == (10, 61)
    assert sorted(np.array(heat.customdata)[0, :, 0]) == list(range(61))
    first = int(np.array(heat.customdata)[0, 0, 0])
    assert np.array(heat.z)[0, 0] == pytest.approx(results.clients.loc[first, "class_0"] / 60)


def test_a_client_without_examples_has_an_empty_bar(results):
    empty = results.clients.copy()
    empty.loc[0, [f"class_{label}" for label in range(10)]] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = class_mix(empty, results.examples.class_names)
    assert sum(trace.y[0] for trace in drawn.data) == 0


def test_the_picture_shows_the_methods_and_is_crisp(results, tmp_path):
    summary = summary_of(results)
    drawn = comparison(summary)
    texts = [text.get_text() for text in drawn.axes[1].get_yticklabels()]
    assert {"FedAvg", "Mixture", "Oracle (not attainable)"} <= set(texts)
    hurt = [text.get_text() for text in drawn.axes[1].texts]
    mixture = summary[(summary["clients"] == "all") & (summary["method"] == "mixture")].iloc[0]
    assert f"{100 * mixture['clients_hurt']:.1f}%" in hurt
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn.savefig(tmp_path / "comparison.png")
    content = (tmp_path / "comparison.png").read_bytes()
    assert int.from_bytes(content[16:20], "big") >= 1600


def test_an_interval_beside_its_value_is_no_fault_of_the_picture(results):
    summary = summary_of(results)
    for name in ("local_accuracy", "global_accuracy", "bottom_decile", "clients_hurt"):
        summary[f"{name}_low"], summary[f"{name}_high"] = summary[name] + 0.01, summary[name] + 0.02
    comparison(summary)


@pytest.mark.parametrize("methods", [("fedavg",), ("fedavg", "$odd_name^{", "oracle")])
def test_one_client_and_odd_names_can_be_drawn(make_results, tmp_path, methods):
    results = make_results(clients=1, opted_out=0.0, methods=methods)
    summary = summary_of(results)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(by_meta(accuracy_tradeoff(summary))) == set(methods)
        client_accuracy(results.client_metrics)
        comparison(summary).savefig(tmp_path / "comparison.png")


def test_a_summary_read_back_from_csv_is_drawn_the_same(results, tmp_path):
    summary = summary_of(results)
    summary.to_csv(tmp_path / "summary.csv", index=False)
    again = by_meta(accuracy_tradeoff(pd.read_csv(tmp_path / "summary.csv")))
    for method, trace in by_meta(accuracy_tradeoff(summary)).items():
        assert (again[method].x[0], again[method].y[0]) == pytest.approx((trace.x[0], trace.y[0]))
        assert again[method].name == trace.name


def test_labels_keep_clear_of_each_other_and_stay_inside():
    points = [(100.0, 100.0), (104.0, 103.0), (108.0, 98.0), (395.0, 195.0)]
    texts = ["first", "second", "third", "at the edge"]
    offsets = place_labels(points, texts, (400.0, 200.0), font=10)
    boxes = [
        (x + dx - 2.9 * len(text), y + dy - 6, x + dx + 2.9 * len(text), y + dy + 6)
        for (x, y), (dx, dy), text in zip(points, offsets, texts, strict=True)
    ]
    for index, one in enumerate(boxes):
        assert min(one) >= 0
        assert one[2] <= 400
        assert one[3] <= 200
        for other in boxes[:index]:
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
