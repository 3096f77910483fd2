"""The result in plain words, and no more than the numbers bear.

One method is called better than another only where the interval of their difference, taken client by client,
lies on one side of zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedexperts.evaluation.display import (
    GENERALIST,
    OPTED_IN,
    OPTED_OUT,
    UNSEEN,
    Look,
    listing,
    looks,
    percent_estimate,
)
from fedexperts.evaluation.statistics import Bootstrap, Estimate, mean, pair_clients, ratio_of_means

if TYPE_CHECKING:
    import pandas as pd

    from fedexperts.evaluation.statistics import PairedAccuracy
    from fedexperts.parameters import EvaluationSettings

FEW_CLIENTS = 10
MIXTURE, FINETUNED, ORACLE = "mixture", "finetuned", "oracle"
SIMPLER_MIXES = ("average", "constant")
ROLES = {
    OPTED_IN: "clients that opted in",
    OPTED_OUT: "that opted out",
    UNSEEN: "that were kept out of training",
}


def describe_result(client_metrics: pd.DataFrame, settings: EvaluationSettings, seed: int) -> list[str]:
    """Say in plain words what came out.

    Args:
        client_metrics: As for :func:`fedexperts.evaluation.statistics.pair_clients`.
        settings: The number of resamples and the confidence of the intervals.
        seed: The seed of the run.

    Returns:
        Paragraphs of plain text.

    Raises:
        ValueError: As :func:`fedexperts.evaluation.statistics.pair_clients`.
    """
    pairs = pair_clients(client_metrics)
    bootstrap = Bootstrap.of(pairs.clients, settings.resamples, settings.confidence, seed)
    reader = _Reader(pairs, bootstrap, looks(pairs.methods))
    paragraphs = [
        [reader.caution(), reader.leader("local"), reader.leader("global")],
        [reader.mixture_keeps(), reader.mixture_against_finetuning(), reader.mixture_hurts()],
        [reader.gate_against_simpler_mixes(), reader.ceiling()],
        [_by_role(pairs, settings, seed)],
    ]
    joined = (" ".join(sentence for sentence in sentences if sentence) for sentences in paragraphs)
    return [paragraph for paragraph in joined if paragraph]


@dataclass(frozen=True)
class _Reader:
    """Sentences about one group of clients; an empty one where there is nothing to say."""

    pairs: PairedAccuracy
    bootstrap: Bootstrap
    looks: dict[str, Look]

    def accuracy(self, test_set: str, method: str) -> Estimate:
        return self.bootstrap.estimate(mean, self.pairs.row(test_set, method))

    def difference(self, test_set: str, method: str, other: str) -> Estimate:
        gains = self.pairs.row(test_set, method) - self.pairs.row(test_set, other)
        return self.bootstrap.estimate(mean, gains)

    def told_apart(self, difference: Estimate) -> bool:
        """Whether a difference is beyond doubt; without an interval none is."""
        return difference.low > 0 or difference.high < 0

    def caution(self) -> str:
        if self.pairs.clients == 1:
            return "Only one client was evaluated, so nothing can be said about differences between methods."
        if self.pairs.clients < FEW_CLIENTS:
            return (
                f"Only {self.pairs.clients} clients were evaluated; intervals over so few are too narrow, "
                "so take what follows as hints."
            )
        return ""

    def leader(self, test_set: str) -> str:
        """Name the best method that can be attained, and those that may be as good."""
        able = [method for method, look in self.looks.items() if look.attainable]
        if len(able) == 1:
            return ""
        means = {method: float(self.pairs.row(test_set, method).mean()) for method in able}
        best = max(able, key=means.__getitem__)
        rivals = [
            other
            for other in able
            if other != best and not self.told_apart(self.difference(test_set, best, other))
        ]
        where = (
            "On their own data (local test)" if test_set == "local" else "On all classes alike (global test)"
        )
        reached = _with_interval(self.accuracy(test_set, best))
        if best != GENERALIST and GENERALIST not in rivals:
            gain = self.difference(test_set, best, GENERALIST)
            reached += f", {_points(gain)} above {self.looks[GENERALIST].phrase}"
        if not rivals:
            return f"{where}, {self.looks[best].phrase} is the most accurate: {reached}."
        names = listing(self.looks[rival].phrase for rival in rivals)
        return (
            f"{where}, {self.looks[best].phrase} has the highest mean accuracy, {reached}, "
            f"but cannot be told apart from {names}."
        )

    def mixture_keeps(self) -> str:
        if MIXTURE not in self.looks:
            return ""
        if not self.pairs.row("global", GENERALIST).any():
            return ""
        kept = f"The mixture keeps {self._kept(MIXTURE)} of the generalist's global accuracy"
        if FINETUNED in self.looks:
            kept += f"; fine-tuning alone keeps {self._kept(FINETUNED)}"
        return f"{kept}."

    def _kept(self, method: str) -> str:
        both = np.stack([self.pairs.row("global", method), self.pairs.row("global", GENERALIST)])
        return _with_interval(self.bootstrap.estimate(ratio_of_means, both))

    def mixture_against_finetuning(self) -> str:
        if MIXTURE not in self.looks or FINETUNED not in self.looks:
            return ""
        return f"Against fine-tuning, the mixture is {self._sides(FINETUNED)}."

    def mixture_hurts(self) -> str:
        if MIXTURE not in self.looks:
            return ""
        worse = self.pairs.row("local", MIXTURE) < self.pairs.row("local", GENERALIST)
        number = int(worse.sum())
        than = "with it on their own data than with the generalist"
        if number == 0:
            return f"None of the {self.pairs.clients} clients is less accurate {than}."
        share = _with_interval(self.bootstrap.estimate(mean, worse.astype(np.float64)))
        verb = "is" if number == 1 else "are"
        return f"{number} of {self.pairs.clients} clients ({share}) {verb} less accurate {than}."

    def gate_against_simpler_mixes(self) -> str:
        simpler = [method for method in SIMPLER_MIXES if method in self.looks]
        if MIXTURE not in self.looks or not simpler:
            return ""
        compared = "; against ".join(
            f"{self.looks[name].phrase} it is {self._sides(name)}" for name in simpler
        )
        return f"Is the learned gate worth having? Against {compared}."

    def _sides(self, other: str) -> str:
        """Say how the mixture compares with another method on both tests."""
        parts = []
        for test_set in ("local", "global"):
            difference = self.difference(test_set, MIXTURE, other)
            if self.told_apart(difference):
                words = f"{_points(difference)} {'better' if difference.value > 0 else 'worse'}"
            else:
                words = f"not distinguishable (difference {_in_points(difference)})"
            parts.append(f"{words} on the {test_set} test")
        return " and ".join(parts)

    def ceiling(self) -> str:
        if ORACLE not in self.looks:
            return ""
        local, common = (_with_interval(self.accuracy(test, ORACLE)) for test in ("local", "global"))
        return (
            f"The oracle takes the better expert for each example and would reach {local} locally and "
            f"{common} globally; it needs to know the right answer, so it is not attainable and only bounds "
            "what choosing between the two experts can give."
        )


def _by_role(pairs: PairedAccuracy, settings: EvaluationSettings, seed: int) -> str:
    groups = pairs.groups()
    if len(groups) == 1:
        return ""
    method = MIXTURE if MIXTURE in pairs.methods else GENERALIST
    phrases = []
    for group, name in ROLES.items():
        if group not in groups:
            continue
        members = groups[group]
        bootstrap = Bootstrap.of(members.clients, settings.resamples, settings.confidence, seed)
        reached = _with_interval(bootstrap.estimate(mean, members.row("local", method)))
        phrases.append(f"{reached} for the {members.clients} {name}")
    return f"With {looks([method])[method].phrase}, local accuracy is {listing(phrases)}."


def _with_interval(estimate: Estimate) -> str:
    return percent_estimate(estimate.value, estimate.low, estimate.high, "%")


def _in_points(difference: Estimate) -> str:
    return percent_estimate(difference.value, difference.low, difference.high, " points")


def _points(difference: Estimate) -> str:
    """Write a difference in percentage points, without its sign."""
    low, high = sorted((abs(difference.low), abs(difference.high)))
    return _in_points(Estimate(abs(difference.value), low, high))
