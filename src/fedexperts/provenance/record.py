"""Which settings a result was really made with, stage by stage.

Stages can run at different times and with different settings, so each leaves a note of its own settings with
what it stores. The report shows these notes, not the settings of the moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from fedexperts.errors import UserError
from fedexperts.provenance.fingerprint import fingerprint_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

RECORDED_TABLES = ("clients", "federation_history", "client_metrics", "gate_weights", "frontier")
"""The tables that a report is made from."""


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Turn groups of settings into what JSON can hold."""
    return {
        name: value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        for name, value in settings.items()
    }


def combine(stages: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Put the notes of several stages together.

    Args:
        stages: By stage, its groups of settings.

    Returns:
        Each group once where the stages agree on it, else once for each stage, as ``"seed (generalist)"``.
    """
    combined: dict[str, Any] = {}
    for name in dict.fromkeys(name for groups in stages.values() for name in groups):
        noted = {stage: groups[name] for stage, groups in stages.items() if name in groups}
        first = next(iter(noted.values()))
        if all(value == first for value in noted.values()):
            combined[name] = first
        else:
            combined |= {f"{name} ({stage})": value for stage, value in noted.items()}
    return combined


def record(settings: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Note what a result was made with, and which tables belong to it; see :func:`check_record`."""
    prints = {name: fingerprint_table(table) for name, table in tables.items()}
    return {"settings": dict(settings), "tables": prints}


def check_record(noted: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Refuse tables that do not belong to the result.

    Args:
        noted: What :func:`record` returned.
        tables: The tables at hand.

    Returns:
        The settings that were noted.

    Raises:
        UserError: If a table is another one than was noted.
    """
    others = [name for name, table in tables.items() if noted["tables"][name] != fingerprint_table(table)]
    if others:
        raise UserError(
            f"{' and '.join(others)} changed since the evaluation, and would not fit its results; evaluate "
            "again with `kedro run --pipelines evaluation`, or choose matching versions with "
            "`--load-versions` (the run manifests say which belong together)"
        )
    settings: dict[str, Any] = noted["settings"]
    return settings
