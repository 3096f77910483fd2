"""What the paper reports, for comparison: arXiv:2010.02056v3, Table 1 and figures 3 to 6.

Values from figures are digitised: to 0.2 percentage points, and 0.5 where markers overlap. The global
accuracies of AG News are 7.6 times the printed ones for p above 0.5, where the reference code divides right
answers among 1000 texts by 7600; the ratios between methods are the same.
"""

from __future__ import annotations

from importlib.resources import files

import pandas as pd

SETTINGS = ("partition.majority_fraction", "partition.alpha", "partition.opt_out")
COPIES = {"cifar10_jpg": "cifar10"}
"""Environments whose data are a copy of a published data set, close to it and not equal."""
DEFAULTS = {"partition.opt_out": 0.0}
"""What the paper has where it does not vary a setting; none where a value then does not depend on it."""


def published() -> pd.DataFrame:
    """Read the published values: a row per ``environment``, setting, ``method`` and ``measure``.

    Settings that a value does not depend on are NaN; ``value`` is a share, or a ratio of shares.
    """
    with files("fedexperts.experiments").joinpath("published.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


def add_published(summary: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Put the published value of a measure beside ours, as the column ``published``; NaN where there is none.

    A published value belongs to a row if they agree on environment, method and each of :data:`SETTINGS`; a
    setting that the experiment, or the row, does not name is taken to be as the paper has it, and a copy of
    a data set counts as the data set.
    """
    known = published()
    known = known[known["measure"] == measure]
    for name in SETTINGS:
        if name not in summary:
            as_usual = known[name] == DEFAULTS[name] if name in DEFAULTS else known[name].isna()
            known = known[as_usual]
    varied = [name for name in SETTINGS if name in summary]
    keys = ["original", *varied, "method"]
    values = known.rename(columns={"environment": "original", "value": "published"})[[*keys, "published"]]
    ours = summary.astype(dict.fromkeys(varied, float))
    unsaid = {name: DEFAULTS[name] for name in varied if name in DEFAULTS}
    asked = ours.fillna(unsaid).assign(original=ours["environment"].replace(COPIES))
    return ours.assign(published=asked.merge(values, on=keys, how="left")["published"].to_numpy())
