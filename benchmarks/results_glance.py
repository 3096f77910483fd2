"""All comparisons of docs/results.md at a glance: a sign for each setting."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from benchmarks.results_areas import OTHER, OURS, area_by_seed, lead
from benchmarks.results_parts import (
    COMPARED,
    columns,
    difference_of,
    families,
    family_words,
    label_of,
    partition_words,
    parts,
)
from fedexperts.evaluation.display import ALL, CALIBRATED
from fedexperts.experiments.frontier import REFERENCE
from fedexperts.experiments.names import value_of
from fedexperts.experiments.paper_tables import TextTable

if TYPE_CHECKING:
    import pandas as pd

    from benchmarks.results_files import Results

    Signs = dict[tuple[str, str], str]

AHEAD, BEHIND, LEVEL, UNKNOWN = "+", "-", "·", "?"
OF_THE_TEST = 0.02
"""What a global test of 1000 examples may err by in a difference; an interval over clients leaves it out."""
AREAS = {
    "Mixture against a constant weight (its gate's bias moved)": ("mixture", REFERENCE),
    "Density ratio against a constant weight": (OURS, REFERENCE),
    "Density ratio against a constant weight (both calibrated)": (
        f"{OURS}{CALIBRATED}",
        f"{REFERENCE}{CALIBRATED}",
    ),
    "Density ratio against WiSE-FT": (OURS, OTHER),
    "Density ratio against WiSE-FT (both calibrated)": (f"{OURS}{CALIBRATED}", f"{OTHER}{CALIBRATED}"),
    "WiSE-FT against a constant weight": (OTHER, REFERENCE),
    "Constant weight, calibrated against uncalibrated": (f"{REFERENCE}{CALIBRATED}", REFERENCE),
}
"""Whose areas under the frontier are compared."""


def glance_table(results: Results) -> TextTable:
    """Write who is ahead of whom: a row per comparison, a column per data set and setting.

    A cell has a sign for each value of p or alpha: ``+`` or ``-`` where the interval of the difference is on
    one side of zero, ``·`` where it is not, ``?`` where there is none. With one seed, an interval of the
    global test has to be :data:`OF_THE_TEST` away from zero.
    """
    cells: dict[str, Signs] = {}
    places: dict[str, list[str]] = {}
    for name, _, differences in results.summaries:
        for part_name, part in parts(name, differences[differences["clients"] == ALL]):
            kind = "tuned" if name.endswith("_tuned") else ""
            others = part_name.removeprefix(name).removeprefix(", ")
            column = _name(part, [kind, others])
            places[column] = [place for place, _ in columns(part)]
            cells[column] = _about(part) | _difference_signs(part)
    for name, moved in families(results.frontier):
        column = _name(moved, family_words(name))
        cells[column] |= _area_signs(moved, places[column])
    rows = dict.fromkeys(row for signs in cells.values() for row in signs)
    body = tuple((*row, *(signs.get(row, "") for signs in cells.values())) for row in rows)
    return TextTable("At a glance", ("comparison", "on", *cells), body, 2)


def _name(part: pd.DataFrame, words: list[str]) -> str:
    environment = value_of("environment", part["environment"].iloc[0])
    return ", ".join([environment, *partition_words(part), *filter(None, words)])


def _about(part: pd.DataFrame) -> Signs:
    """Which values of p or alpha the signs are for, in their order, and how many seeds these have."""
    values = ", ".join(value_of(part.columns[1], value) for value, _ in part.groupby(part.columns[1]))
    seeds = " to ".join(str(count) for count in sorted({part["n_seeds"].min(), part["n_seeds"].max()}))
    return {("p or alpha", ""): values, ("seeds", ""): seeds}


def _difference_signs(differences: pd.DataFrame) -> Signs:
    signs: Signs = {}
    for method, reference in COMPARED:
        for test in ("local", "global"):
            row = ""
            for _, own in columns(differences):
                found = difference_of(own, method, reference, test)
                bare = test == "global" and own["n_seeds"].max() == 1
                row += _sign(found.low, found.high, OF_THE_TEST if bare else 0.0) if found else " "
            signs[f"{label_of(method)} against {label_of(reference)}", test] = f"`{row}`"
    return signs


def _area_signs(moved: pd.DataFrame, places: list[str]) -> Signs:
    by_place = {place: area_by_seed(part) for place, part in columns(moved)}
    signs: Signs = {}
    for comparison, (method, reference) in AREAS.items():
        found = [lead(by_place[place], method, reference) if place in by_place else None for place in places]
        line = "".join(_sign(own.low, own.high) if own else " " for own in found)
        signs[comparison, "frontier"] = f"`{line}`"
    return signs


def _sign(low: float, high: float, margin: float = 0.0) -> str:
    if isnan(low):
        return UNKNOWN
    return AHEAD if low > margin else BEHIND if high < -margin else LEVEL
