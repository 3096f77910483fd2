"""How methods and numbers are shown: the same in every table, figure and sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

CALIBRATED = "+calibrated"
GENERALIST = "fedavg"
NOT_ATTAINABLE = "not attainable"

ALL, OPTED_IN, OPTED_OUT, UNSEEN = "all", "opted_in", "opted_out", "unseen"
GROUP_LABELS = {
    ALL: "All clients",
    OPTED_IN: "Opted in",
    OPTED_OUT: "Opted out",
    UNSEEN: "Unseen",
}


@dataclass(frozen=True)
class Look:
    """How one method is shown.

    Attributes:
        label: Its name in words.
        colour: ``#rrggbb``.
        symbol: The marker in plotly's vocabulary.
        marker: The same marker in matplotlib's.
        attainable: False for a bound that no real predictor can reach.
        phrase: Its name within a sentence.
        calibrated: Whether this is how it is shown with a calibrated generalist: its marker is hollow.
    """

    label: str
    colour: str
    symbol: str
    marker: str
    attainable: bool = True
    phrase: str = ""
    calibrated: bool = False

    @property
    def full_label(self) -> str:
        """The label, and a warning where the method is only a bound."""
        return self.label if self.attainable else f"{self.label} ({NOT_ATTAINABLE})"

    def with_calibration(self) -> Look:
        """How the method is shown with a calibrated generalist."""
        return replace(
            self,
            label=f"{self.label}, calibrated",
            symbol=f"{self.symbol}-open",
            phrase=f"{self.phrase} with calibration",
            calibrated=True,
        )


# Hues of Okabe and Ito (2008), which stay apart for colour-blind eyes; darker yellow.
KNOWN_LOOKS = {
    "fedavg": Look("FedAvg", "#0072B2", "square", "s", phrase="the generalist (FedAvg)"),
    "local": Look("Local", "#CC79A7", "triangle-up", "^", phrase="local training"),
    "finetuned": Look("Fine-tuned", "#009E73", "diamond", "D", phrase="fine-tuning"),
    "mixture": Look("Mixture", "#D55E00", "circle", "o", phrase="the mixture"),
    "density_ratio": Look("Density ratio", "#332288", "diamond-tall", "d", phrase="the density-ratio gate"),
    "prior_shift": Look("Prior shift", "#882255", "hexagon", "h", phrase="the shifted generalist"),
    "wise_ft": Look("WiSE-FT", "#6F4E37", "cross", "P", phrase="interpolated weights (WiSE-FT)"),
    "average": Look("Average", "#56B4E9", "triangle-down", "v", phrase="plain averaging of the two experts"),
    "constant": Look("Constant", "#A67C00", "pentagon", "p", phrase="a constant mixing weight"),
    "oracle": Look("Oracle", "#767676", "x", "X", attainable=False, phrase="the oracle gate"),
}
SPARE_COLOURS = ("#117733", "#44AA99", "#AA4499", "#999933", "#661100")
SPARE_SYMBOLS = (("triangle-left", "<"), ("triangle-right", ">"), ("star", "*"), ("octagon", "8"))


def predictors(table: pd.DataFrame) -> pd.Series[str]:
    """Name what predicted in each row: the method, with ``+calibrated`` where its generalist was.

    Args:
        table: With ``method`` and ``calibrated``.
    """
    methods = table["method"].astype(str)
    return methods.where(~table["calibrated"].astype(bool), methods + CALIBRATED)


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Say how methods are shown, and in which order.

    Args:
        names: Names of methods, known or not, repeated or not, as :func:`predictors` gives them.

    Returns:
        A look for every name: known methods first, then unknown ones under their own names in the order
        given, then bounds that cannot be attained; each is followed by itself with a calibrated generalist.
    """
    given = dict.fromkeys(names)
    methods = dict.fromkeys(name.removesuffix(CALIBRATED) for name in given)
    spare = zip(cycle(SPARE_COLOURS), cycle(SPARE_SYMBOLS), strict=False)
    found = {name: look for name, look in KNOWN_LOOKS.items() if name in methods and look.attainable}
    for name in methods:
        if name not in KNOWN_LOOKS:
            colour, (symbol, marker) = next(spare)
            found[name] = Look(name, colour, symbol, marker, phrase=name)
    found |= {name: look for name, look in KNOWN_LOOKS.items() if name in methods and not look.attainable}
    both = ((name, look) for method, of in found.items() for name, look in _forms(method, of))
    return {name: look for name, look in both if name in given}


def _forms(method: str, look: Look) -> tuple[tuple[str, Look], tuple[str, Look]]:
    return (method, look), (method + CALIBRATED, look.with_calibration())


def is_attainable(name: str) -> bool:
    """Whether a real predictor can do what the method does."""
    return looks([name])[name].attainable


def percent(share: float) -> str:
    """Write a share as a percentage without its sign: ``0.9123`` as ``91.2``, ``1.0`` as ``100``."""
    if math.isnan(share):
        return "n/a"
    text = f"{100 * share:.1f}"
    return {"-0.0": "0.0", "100.0": "100", "-100.0": "-100"}.get(text, text)


def percent_interval(low: float, high: float) -> str:
    """Write an interval of shares as percentages: ``[89.0, 93.1]``; nothing where there is none."""
    return "" if math.isnan(low) else f"[{percent(low)}, {percent(high)}]"


def percent_estimate(value: float, low: float, high: float, unit: str = "") -> str:
    """Write a share and its interval as percentages: ``91.2 [89.0, 93.1]``, or ``91.2`` without one."""
    return f"{percent(value)}{unit} {percent_interval(low, high)}".rstrip()


def listing(names: Iterable[str]) -> str:
    """Join names as a sentence does: ``a, b and c``."""
    *first, last = list(names)
    return f"{', '.join(first)} and {last}" if first else last
