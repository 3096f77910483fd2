"""Global accuracy at a given loss of local accuracy, on curves small enough to do by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedexperts.evaluation.frontier import (
    AREA,
    COLUMNS,
    area_under_frontier,
    global_at,
    mean_curves,
)
from fedexperts.evaluation.tradeoff import frontier_figure


def curve(*points):
    return pd.DataFrame(points, columns=["local", "global"])


def table(points, method="constant", calibrated=False):
    """Rows of ``{client: [(dial, local, global), ...]}``."""
    rows = [
        (client, method, calibrated, dial, test_set, accuracy)
        for client, places in points.items()
        for dial, local, common in places
        for test_set, accuracy in (("local", local), ("global", common))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


TWO = table(
    {
        3: [(0.0, 0.4, 0.8), (0.5, 0.6, 0.7), (1.0, 0.7, 0.3)],
        8: [(0.0, 0.6, 0.8), (0.5, 0.8, 0.5), (1.0, 0.9, 0.1)],
    }
)
METRICS = pd.DataFrame(
    [
        (client, "finetuned", False, test_set, accuracy)
        for client, accuracies in {3: (0.7, 0.3), 8: (0.9, 0.1)}.items()
        for test_set, accuracy in zip(("local", "global"), accuracies, strict=True)
    ],
    columns=["client_id", "method", "calibrated", "test_set", "accuracy"],
)


def test_curves_are_means_over_clients_at_the_same_place_of_the_dial():
    found = mean_curves(TWO)
    assert found.columns.tolist() == ["method", "calibrated", "dial", "local", "global"]
    assert found["dial"].tolist() == [0.0, 0.5, 1.0]
    np.testing.assert_allclose(found["local"], [0.5, 0.7, 0.8])
    np.testing.assert_allclose(found["global"], [0.8, 0.6, 0.2])


def test_infinite_dials_are_the_ends_of_a_curve():
    found = mean_curves(table({1: [(np.inf, 0.9, 0.1), (-np.inf, 0.2, 0.8), (0.0, 0.5, 0.5)]}))
    assert found["dial"].tolist() == [-np.inf, 0.0, np.inf]
    assert found["local"].tolist() == [0.2, 0.5, 0.9]


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        (0.8, 0.2),  # a point itself
        (0.75, 0.4),  # half way between two
        (0.7, 0.6),
        (0.4, 0.8),  # below the lowest point that counts nothing more is to be had
        (0.81, np.nan),  # never reached
    ],
)
def test_global_accuracy_at_a_local_accuracy_by_hand(local, expected):
    points = curve((0.5, 0.8), (0.7, 0.6), (0.8, 0.2))
    assert global_at(points, local) == pytest.approx(expected, nan_ok=True)


def test_points_that_others_beat_do_not_count():
    points = curve((0.5, 0.8), (0.7, 0.6), (0.8, 0.2))
    beaten = curve((0.45, 0.7), (0.7, 0.5), (0.6, 0.55), (0.8, 0.2), (0.3, 0.8))
    both = pd.concat([beaten, points])
    for local in np.linspace(0.2, 0.9, 29):
        assert global_at(both, local) == pytest.approx(global_at(points, local), nan_ok=True)


def test_the_area_is_the_mean_over_losses_of_half_a_point_to_ten():
    assert pytest.approx([0.005 * step for step in range(1, 21)]) == AREA
    # a straight line: global accuracy rises twice as fast as local accuracy falls
    line = curve((0.9, 0.1), (0.7, 0.5))
    assert area_under_frontier(line, 0.9) == pytest.approx(0.1 + 2 * np.mean(AREA))
    assert np.isnan(area_under_frontier(curve((0.89, 0.5)), 0.9))
    assert area_under_frontier(curve((0.895, 0.5)), 0.9) == pytest.approx(0.5)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12), st.floats(0, 1))
def test_the_frontier_falls_and_lies_on_or_above_every_point(points, local):
    drawn = curve(*points)
    reached = global_at(drawn, local)
    for own, common in points:
        if own >= local:
            assert reached >= common - 1e-12
    if not np.isnan(reached):
        assert reached <= max(common for _, common in points) + 1e-12
        assert reached <= global_at(drawn, local / 2) + 1e-12


def test_the_figure_holds_every_curve_with_its_area():
    drawn = frontier_figure(pd.concat([TWO, TWO.assign(calibrated=True)]), METRICS)
    assert [trace.meta for trace in drawn.data] == ["constant", "constant+calibrated"]
    np.testing.assert_allclose(drawn.data[0].x, [0.5, 0.7, 0.8])
    np.testing.assert_allclose(drawn.data[1].y, [0.8, 0.6, 0.2])
    assert f"AUF {100 * (0.2 + 4 * np.mean(AREA)):.1f}" in drawn.data[0].name
    assert [shape.x0 for shape in drawn.layout.shapes] == [pytest.approx(0.8)]


def test_without_a_moved_dial_the_figure_says_so():
    drawn = frontier_figure(TWO[:0], METRICS)
    assert not drawn.data
    assert "evaluation.frontier" in drawn.layout.annotations[0].text
