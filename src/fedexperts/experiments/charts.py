"""What the paper's figures show, before it is drawn: panels of curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedexperts.evaluation.display import (
    ALL,
    GENERALIST,
    SPARE_COLOURS,
    SPARE_SYMBOLS,
    Look,
    is_attainable,
    looks,
    predictors,
)
from fedexperts.experiments.names import LONG, setting_of
from fedexperts.experiments.published import add_published
from fedexperts.experiments.summary import axes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

P, ALPHA, Q = "partition.majority_fraction", "partition.alpha", "partition.opt_out"
RATE = "federation.learning_rate"
NEEDS = {"figure2": (RATE, P), "figure3": (P,), "figure4": (P,), "figure5": (ALPHA,), "figure6": (P,)}
"""The settings that an experiment must name to feed a figure."""
MOST_COLUMNS = 3
PUBLISHED = "; dashed and hollow: published (arXiv:2010.02056)"
MEAN = "Mean over seeds and clients"
MEAN_WITH_INTERVAL = "Mean with interval over seeds (over clients if there is one)"
FRACTION = "Global accuracy, as a fraction of FedAvg's"


@dataclass(frozen=True)
class Curve:
    """Points joined by a line.

    Attributes:
        look: Its name, colour and marker.
        x: Where its points are.
        y: How high they are.
        bounds: Below and above each, the bounds of its interval; none where there are none.
        names: A word for each point; none where the points are places on a line, which is then drawn bare.
        published: Whether the values are the paper's.
    """

    look: Look
    x: tuple[float, ...]
    y: tuple[float, ...]
    bounds: tuple[tuple[float, float], ...]
    names: tuple[str, ...]
    published: bool = False

    @property
    def below(self) -> list[float]:
        """How far down the interval of each point reaches."""
        return [max(y - low, 0.0) for y, (low, _) in zip(self.y, self.bounds, strict=False)]

    @property
    def above(self) -> list[float]:
        """How far up the interval of each point reaches."""
        return [max(high - y, 0.0) for y, (_, high) in zip(self.y, self.bounds, strict=False)]


@dataclass(frozen=True)
class Panel:
    """Curves that share axes.

    Attributes:
        title: What they have in common.
        curves: The curves, the published ones behind their own.
    """

    title: str
    curves: tuple[Curve, ...]

    @property
    def places(self) -> list[float]:
        """Where along there are points."""
        return sorted({x for curve in self.curves for x in curve.x})


@dataclass(frozen=True)
class Chart:
    """A figure.

    Attributes:
        title: What it shows.
        x_label: What is along.
        y_label: What is up.
        panels: Side by side.
        x_log: Whether steps along are ratios.
        x_share: Whether what is along is a share, shown in percent.
        y_ratio: Whether what is up is a ratio to FedAvg, which then is a line at 1; else it is a share.
    """

    title: str
    x_label: str
    y_label: str
    panels: tuple[Panel, ...]
    x_log: bool = False
    x_share: bool = False
    y_ratio: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """The rows and columns that the panels are laid out in."""
        columns = min(MOST_COLUMNS, len(self.panels))
        return -(-len(self.panels) // columns), columns

    @property
    def subtitle(self) -> str:
        """How to read it, in one line."""
        curves = [curve for panel in self.panels for curve in panel.curves]
        mean = MEAN_WITH_INTERVAL if any(curve.bounds for curve in curves) else MEAN
        theirs = PUBLISHED if any(curve.published for curve in curves) else ""
        return f"{mean}{theirs}."


def figure2(summary: pd.DataFrame) -> Chart:
    """Figure 2 of the paper: FedAvg's accuracy against its learning rate, a curve per p."""
    rows = _shown(summary, [RATE, P])
    rows = rows[rows["method"] == GENERALIST]
    panels = []
    for title, part in _panels(rows, [RATE, P]):
        curves = []
        for position, (value, points) in enumerate(part.groupby(P, sort=True)):
            symbol, marker = SPARE_SYMBOLS[position % len(SPARE_SYMBOLS)]
            colour = SPARE_COLOURS[position % len(SPARE_COLOURS)]
            look = Look(setting_of(P, value), colour, symbol, marker)
            curves += _curves(look, points, RATE, "global_accuracy")
        panels.append(Panel(title, tuple(curves)))
    return Chart("FedAvg by its learning rate", LONG[RATE], "Global accuracy", tuple(panels), x_log=True)


def figure3(summary: pd.DataFrame) -> Chart:
    """Figures 3 and 6 of the paper: global against local accuracy, a point per method and p."""
    rows = add_published(_shown(summary, [P]), "global_accuracy")
    known = add_published(_shown(summary, [P]), "local_accuracy")["published"].rename("published_along")
    rows = rows.join(known)
    panels = []
    for title, part in _panels(rows, [P]):
        curves = []
        for method, look in looks(part["method"]).items():
            points = part[part["method"] == method].sort_values(P)
            paper = points.dropna(subset=["published", "published_along"])
            if len(paper):
                curves.append(_path(look, paper, "published_along", "published", published=True))
            curves.append(_path(look, points, "local_accuracy", "global_accuracy", published=False))
        panels.append(Panel(title, tuple(curves)))
    return Chart(
        "Global against local accuracy, by p",
        "Local accuracy",
        "Global accuracy",
        tuple(panels),
        x_share=True,
    )


def figure4(summary: pd.DataFrame) -> Chart:
    """Figure 4 of the paper: global accuracy as a fraction of FedAvg's, against p."""
    panels = _by_method(summary, P, "global_ratio")
    return Chart("What is kept of FedAvg's global accuracy", LONG[P], FRACTION, panels, y_ratio=True)


def figure5(summary: pd.DataFrame) -> Chart:
    """Figure 5 of the paper: global accuracy as a fraction of FedAvg's, against the Dirichlet alpha."""
    panels = _by_method(summary, ALPHA, "global_ratio")
    return Chart(
        "What is kept of FedAvg's global accuracy", LONG[ALPHA], FRACTION, panels, x_log=True, y_ratio=True
    )


def frontier(by_seed: pd.DataFrame) -> Chart:
    """Global accuracy against the local accuracy given up for it, as every method's dial moves.

    Args:
        by_seed: As :func:`fedexperts.experiments.frontier.frontier_by_seed` returns it. A curve begins where
            the method gets with every seed.
    """
    panels = []
    for title, part in _panels(by_seed.assign(method=predictors(by_seed)), []):
        means = part.pivot_table(
            index="local_drop",
            columns="method",
            values="global_accuracy",
            aggfunc=lambda own: own.mean(skipna=False),
        )
        curves = [
            Curve(look, tuple(curve.index), tuple(curve), (), ())
            for method, look in looks(means.columns).items()
            if len(curve := means[method].dropna())
        ]
        panels.append(Panel(title, tuple(curves)))
    return Chart(
        "Global accuracy for local accuracy",
        "Local accuracy below the specialists'",
        "Global accuracy",
        tuple(panels),
        x_share=True,
    )


def _by_method(summary: pd.DataFrame, axis: str, measure: str) -> tuple[Panel, ...]:
    rows = add_published(_shown(summary, [axis]), measure)
    panels = []
    for title, part in _panels(rows, [axis]):
        curves = [
            curve
            for method, look in looks(part["method"]).items()
            if method != GENERALIST and is_attainable(method)
            for curve in _curves(look, part[part["method"] == method], axis, measure)
        ]
        panels.append(Panel(title, tuple(curves)))
    return tuple(panels)


def _path(look: Look, rows: pd.DataFrame, along: str, up: str, *, published: bool) -> Curve:
    names = tuple(setting_of(P, value) for value in rows[P])
    return Curve(look, tuple(rows[along]), tuple(rows[up]), (), names, published)


def _curves(look: Look, rows: pd.DataFrame, axis: str, measure: str) -> list[Curve]:
    rows = rows.sort_values(axis)
    low, high = rows[f"{measure}_low"], rows[f"{measure}_high"]
    bounds = () if low.isna().all() else tuple(zip(low, high, strict=True))
    names = tuple(setting_of(axis, value) for value in rows[axis])
    curves = [Curve(look, tuple(rows[axis]), tuple(rows[measure]), bounds, names)]
    known = rows.dropna(subset=["published"]) if "published" in rows else rows.iloc[:0]
    if len(known):
        names = tuple(setting_of(axis, value) for value in known[axis])
        curves.insert(
            0, Curve(look, tuple(known[axis]), tuple(known["published"]), (), names, published=True)
        )
    return curves


def _shown(summary: pd.DataFrame, drawn: Sequence[str]) -> pd.DataFrame:
    """The rows of all clients that have a value of what is drawn; another sweep may not have it."""
    return summary[summary["clients"] == ALL].dropna(subset=list(drawn)).reset_index(drop=True)


def _panels(rows: pd.DataFrame, drawn: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """Split by environment and all settings that are not drawn."""
    axes = [axis for axis in axes_of(rows) if axis not in drawn]
    return [
        (", ".join(setting_of(axis, value) for axis, value in zip(axes, values, strict=True)), part)
        for values, part in rows.groupby(axes, dropna=False, sort=False)
    ]
