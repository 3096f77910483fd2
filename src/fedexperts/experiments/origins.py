"""Which runs, code, machines and data the results of points come from, as the manifests tell."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from fedexperts.errors import UserError
from fedexperts.experiments.finished import read_manifest
from fedexperts.experiments.grid import METHODS
from fedexperts.experiments.long_table import along
from fedexperts.experiments.summary import axes_of
from fedexperts.provenance.environment import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fedexperts.experiments.plan import Point

ALWAYS = ("git_commit", "git_state", "device", "processor", "torch", "data", "code.fedexperts")
"""What every row has; modules of the user's own come behind."""
MACHINE = ("device", "processor", "torch")
BETWEEN = "; "
NOT_COMPARED = ("data.path", "engine.", METHODS)
"""Settings that change no number of a method, or its last digits."""
DIGITS = 12
NOTHING = ("", "none")
"""The data of a run that saw none, and the device of one that trained nothing."""


def trace(points: Sequence[Point], manifests: Mapping[str, Sequence[Path]]) -> pd.DataFrame:
    """Say where the results of points come from.

    Args:
        points: The points of an experiment.
        manifests: By key of a finished point, the manifests of the runs that it comes from, its own first.

    Returns:
        A row per finished point: ``point``, ``environment``, the settings in which points differ, ``seed``,
        ``date`` of its own run, ``versions`` of all, ``settings``, and what these runs say of :data:`ALWAYS`
        and of the user's own modules: each value once, and ``unknown`` for a run that does not say.
        ``settings`` is a fingerprint of what the experiment sets beside the axes.

    Raises:
        UserError: If seeds that belong to one setting were computed on different data.
    """
    first, settings = along(points)
    rows = []
    for point in points:
        if point.key in manifests:
            runs = [read_manifest(file) if file.is_file() else {} for file in manifests[point.key]]
            date = runs[0].get("environment", {}).get("date", UNKNOWN)
            versions = BETWEEN.join(file.parent.name for file in manifests[point.key])
            facts = _merge([_facts(run) for run in runs])
            about = {**settings[point.key], "date": date, "versions": versions, "settings": _settings(point)}
            rows.append({**about, **facts})
    table = pd.DataFrame(rows)
    table = table.reindex(columns=[*first, *(name for name in table.columns if name not in first)])
    _check_same_data(table, {point.short: point.choice.label for point in points})
    return table


def differences(table: pd.DataFrame) -> list[str]:
    """Name what runs differ in: code, machine, torch, data of one environment; unknown does not count."""
    compared = [name for name in table.columns if name in MACHINE or name.startswith("code.")]
    found = [name for name in compared if len(_values(table[name])) > 1]
    of_data = [_values(cells) for _, cells in table.groupby("environment")["data"]]
    return [*found, *(["data"] if any(len(values) > 1 for values in of_data) else [])]


def _settings(point: Point) -> str:
    """Fingerprint what the experiment sets beside the axes; the data have a fingerprint of their own."""
    others = {
        name: value
        for name, value in point.choice.settings.items()
        if name not in point.choice.axes and not name.startswith(NOT_COMPARED)
    }
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()[:DIGITS]


def _facts(manifest: Mapping[str, Any]) -> dict[str, str]:
    """What one run says; one of another version of the project may say less."""
    code = {f"code.{module}": digest for module, digest in manifest.get("code", {}).items()}
    known = {**manifest.get("environment", {}), **manifest, **code}
    return {name: known.get(name, UNKNOWN) for name in dict.fromkeys([*ALWAYS, *code])}


def _merge(runs: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What several runs say, each value once."""
    names = dict.fromkeys(name for run in runs for name in run)
    found = {name: dict.fromkeys(run[name] for run in runs if name in run) for name in names}
    return {name: BETWEEN.join(value for value in found[name] if value not in NOTHING) for name in names}


def _values(cells: pd.Series[Any]) -> set[str]:
    return {value for cell in cells.dropna() for value in cell.split(BETWEEN)} - {UNKNOWN, ""}


def _check_same_data(table: pd.DataFrame, labels: Mapping[str, str]) -> None:
    found = [
        f"  {labels[row['point']]}: data {row['data']}, versions {row['versions']}"
        for _, seeds in table.groupby(axes_of(table), dropna=False, sort=False)
        if len(_values(seeds["data"])) > 1
        for row in seeds.to_dict("records")
    ]
    if found:
        mixed = "\n".join(found)
        raise UserError(
            f"seeds of one setting were computed on different data, and cannot be averaged\n{mixed}\n"
            "delete the folders of the versions that are out of date, everywhere under data, and run the "
            "experiment again"
        )
