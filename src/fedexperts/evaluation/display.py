"""How methods and numbers are shown: the same in every table, figure and sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    """

    label: str
    colour: str
    symbol: str
    marker: str
    attainable: bool = True
    phrase: str = ""

    @property
    def full_label(self) -> str:
        """The label, and a warning where the method is only a bound."""
        return self.label if self.attainable else f"{self.label} ({NOT_ATTAINABLE})"


# Hues of Okabe and Ito (2008), which stay apart for colour-blind eyes; darker yellow.
KNOWN_LOOKS = {
    "fedavg": Look("FedAvg", "#0072B2", "square", "s", phrase="the generalist (FedAvg)"),
    "local": Look("Local", "#CC79A7", "triangle-up", "^", phrase="local training"),
    "finetuned": Look("Fine-tuned", "#009E73", "diamond", "D", phrase="fine-tuning"),
    "mixture": Look("Mixture", "#D55E00", "circle", "o", phrase="the mixture"),
    "average": Look("Average", "#56B4E9", "triangle-down", "v", phrase="plain averaging of the two experts"),
    "constant": Look("Constant", "#A67C00", "pentagon", "p", phrase="a constant mixing weight"),
    "oracle": Look("Oracle", "#767676", "x", "X", attainable=False, phrase="the oracle gate"),
}
SPARE_COLOURS = ("#332288", "#882255", "#117733", "#6F4E37", "#44AA99", "#AA4499")
SPARE_SYMBOLS = (
    ("star", "*"),
    ("hexagon", "h"),
    ("cross", "P"),
    ("triangle-left", "<"),
    ("triangle-right", ">"),
)


def looks(methods: Iterable[str]) -> dict[str, Look]:
    """Say how methods are shown, and in which order.

    Args:
        methods: Names of methods, known or not, repeated or not.

    Returns:
        A look for every method: known ones first, then unknown ones under their own names in the order given,
        then bounds that cannot be attained.
    """
    given = dict.fromkeys(methods)
    spare = zip(cycle(SPARE_COLOURS), cycle(SPARE_SYMBOLS), strict=False)
    found = {name: look for name, look in KNOWN_LOOKS.items() if name in given and look.attainable}
    for name in given:
        if name not in KNOWN_LOOKS:
            colour, (symbol, marker) = next(spare)
            found[name] = Look(name, colour, symbol, marker, phrase=name)
    found.update({name: look for name, look in KNOWN_LOOKS.items() if name in given and not look.attainable})
    return found


def is_attainable(method: str) -> bool:
    """Whether a real predictor can do what the method does."""
    return method not in KNOWN_LOOKS or KNOWN_LOOKS[method].attainable


def percent(share: float) -> str:
    """Write a share as a percentage without its sign: ``0.9123`` as ``91.2``, ``1.0`` as ``100``."""
    if math.isnan(share):
        return "n/a"
    text = f"{100 * share:.1f}"
    return {"-0.0": "0.0", "100.0": "100", "-100.0": "-100"}.get(text, text)


def percent_interval(low: float, high: float) -> str:
    """Write an interval of shares as percentages: ``[89.0, 93.1]``."""
    return f"[{percent(low)}, {percent(high)}]"


def listing(names: Iterable[str]) -> str:
    """Join names as a sentence does: ``a, b and c``."""
    *first, last = list(names)
    return f"{', '.join(first)} and {last}" if first else last
