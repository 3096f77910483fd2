"""What the trained gates of all points do: where they trust the specialist, and what that gains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from fedexperts.evaluation.display import ALL
from fedexperts.experiments.seeds import over_seeds
from fedexperts.experiments.summary import axes_of

WHERE = ["test_set", "class_group"]
MEASURES = ("mean_weight", "gain")


def gates_by_seed(gates: pd.DataFrame) -> pd.DataFrame:
    """Average the gates of every point over its clients.

    Clients differ in how many examples they have of their majority classes and of all others, so these two
    are compared within clients: both are means over those that have examples of both, each counted once. Over
    all examples, clients with few others would make the gate look as if it knew the classes.

    Args:
        gates: The long table (:func:`fedexperts.experiments.long_table.long_table`) of what
            :func:`fedexperts.personalization.gates.measure_gate` found.

    Returns:
        A row per setting, ``seed``, ``test_set`` and ``class_group`` (``all``, ``majority`` or ``minority``):
        ``mean_weight`` and ``gain`` (nats); for ``all`` over all test examples.
    """
    keys = [*axes_of(gates), "seed", *WHERE]
    client = [*axes_of(gates), "seed", "test_set", "client_id"]
    groups = gates.groupby(client, dropna=False)["class_group"].transform("nunique")
    compared = gates[groups > 1].assign(n=1)
    rows: list[dict[str, Any]] = []
    both = pd.concat([gates.assign(class_group=ALL), compared])
    for values, part in both.groupby(keys, dropna=False, sort=False):
        means = {measure: np.average(part[measure], weights=part["n"]) for measure in MEASURES}
        rows.append(dict(zip(keys, values, strict=True)) | means)
    return pd.DataFrame(rows)


def summarise_gates(by_seed: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Average over seeds.

    Args:
        by_seed: As :func:`gates_by_seed` returns it.
        confidence: Of the intervals; see :func:`fedexperts.experiments.seeds.over_seeds`.

    Returns:
        A row per setting, ``test_set`` and ``class_group``: ``n_seeds``, and both measures with the bounds
        ``_low`` and ``_high``.
    """
    keys = [*axes_of(by_seed), *WHERE]
    rows: list[dict[str, Any]] = []
    for values, part in by_seed.groupby(keys, dropna=False, sort=False):
        row = dict(zip(keys, values, strict=True)) | {"n_seeds": len(part)}
        for measure in MEASURES:
            found = over_seeds(part[measure], confidence)
            row |= (found.of_share() if measure == "mean_weight" else found).columns(measure)
        rows.append(row)
    return pd.DataFrame(rows)
