"""Nodes of the data ingestion.

Kedro looks up the annotations when it runs, so what they name is imported here, and not for type checkers
only.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pandas as pd

from fedexperts.errors import UserError
from fedexperts.examples import Examples
from fedexperts.parameters import DataSettings
from fedexperts.preprocessing import PREPROCESSING
from fedexperts.registry import check_known

logger = logging.getLogger(__name__)


def read_examples(raw_data: Examples, data: DataSettings) -> Examples:
    """Check the raw data before anything is computed from it.

    Args:
        raw_data: All examples of the data set.
        data: The settings of the data.

    Returns:
        The same examples, with a note of where they are from.

    Raises:
        UserError: If a class has no example that may opt in (all clients share the classes, which must not
            be learnt from others), there is but one class, or the preprocessing does not suit.
    """
    check_known("preprocessing", data.preprocessing, PREPROCESSING)
    suited = "vocabulary" if raw_data.is_text else "standardize"
    if data.preprocessing in {"vocabulary", "standardize"} and data.preprocessing != suited:
        kind = "texts" if raw_data.is_text else "numbers"
        raise UserError(
            f"data.preprocessing is {data.preprocessing}, but the data are {kind}: set it to {suited}"
        )
    counts = np.bincount(raw_data.labels, weights=raw_data.may_opt_in, minlength=raw_data.classes)
    empty = [name for name, count in zip(raw_data.class_names, counts, strict=True) if count == 0]
    if empty:
        lack = f"the data set has no example of {', '.join(empty)}"
        if raw_data.may_opt_in is None:
            raise UserError(f"{lack}; every class needs some")
        raise UserError(
            f"{lack} that may opt in; all clients share the classes, so let one opt in, or delete the rows"
        )
    if raw_data.classes < 2:
        raise UserError(
            f"the data set has one class only, {raw_data.class_names[0]}; there is nothing to learn"
        )
    logger.info("%d examples of %d classes", len(raw_data), raw_data.classes)
    return replace(raw_data, path=data.path)


def count_classes(examples: Examples) -> pd.DataFrame:
    """Count the examples of each class: a row per class, with ``label``, ``class_name`` and ``examples``."""
    return pd.DataFrame(
        {
            "label": np.arange(examples.classes),
            "class_name": examples.class_names,
            "examples": _counts(examples),
        }
    )


def _counts(examples: Examples) -> list[int]:
    counts: list[int] = np.bincount(examples.labels, minlength=examples.classes).tolist()
    return counts
