"""Intervals over seeds and clients together.

A percentile bootstrap (Efron 1979) in two levels: seeds are drawn with replacement, and within each of them
its clients. All methods share the draws, so that their differences are differences on identical seeds and
clients. With one seed it is a bootstrap over clients, as in :mod:`fedexperts.evaluation.statistics`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedexperts.evaluation.statistics import mean, percentile_interval, ratio
from fedexperts.randomness import generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fedexperts.evaluation.statistics import Estimate, Floats, Statistic


@dataclass(frozen=True, eq=False)
class Resamples:
    """Drawn seeds and clients.

    Attributes:
        seeds: ``[resamples, seeds]``, positions of seeds.
        clients: For each position in a resample and each seed, the clients drawn wherever that seed was drawn
            there: ``[times it was, clients of the seed]``.
        confidence: How probably an interval covers what it is for, in (0, 1).
    """

    seeds: NDArray[np.int64]
    clients: tuple[tuple[NDArray[np.int64], ...], ...]
    confidence: float

    @classmethod
    def of(cls, clients: Sequence[int], resamples: int, confidence: float) -> Resamples:
        """Draw resamples; the same ones for the same numbers.

        Args:
            clients: The number of clients of each seed.
            resamples: How many to draw.
            confidence: Of the intervals.
        """
        stream = generator(0, "experiments/bootstrap")
        seeds = stream.integers(len(clients), size=(resamples, len(clients)))
        drawn = tuple(
            tuple(
                stream.integers(count, size=(int((seeds[:, position] == seed).sum()), count))
                for seed, count in enumerate(clients)
            )
            for position in range(len(clients))
        )
        return cls(seeds, drawn, confidence)

    def estimate(self, statistic: Statistic, values: Sequence[Floats]) -> Estimate:
        """Compute the mean over seeds of a statistic over clients, and its interval.

        Args:
            statistic: Reduces the last axis, which holds clients, and any before it but the resamples'.
            values: For each seed ``[..., clients]``.

        Returns:
            The value for the seeds and clients there are, and the bounds of its interval.
        """
        return percentile_interval(*self._over_seeds(statistic, values), self.confidence)

    def ratio(self, above: Sequence[Floats], below: Sequence[Floats]) -> Estimate:
        """Divide one mean over seeds and clients by another; NaN for division by 0.

        Args:
            above: For each seed ``[clients]``.
            below: The same, on the same clients.
        """
        (value, drawn), (other, other_drawn) = self._over_seeds(mean, above), self._over_seeds(mean, below)
        return percentile_interval(ratio(value, other), ratio(drawn, other_drawn), self.confidence)

    def _over_seeds(self, statistic: Statistic, values: Sequence[Floats]) -> tuple[Floats, Floats]:
        """The mean over seeds as they are, and over each resample ``[resamples]``."""
        resampled = np.empty(self.seeds.shape)
        for position, drawn in enumerate(self.clients):
            for seed, clients in enumerate(drawn):
                chosen = self.seeds[:, position] == seed
                resampled[chosen, position] = statistic(values[seed][..., clients])
        return np.mean([statistic(of_seed) for of_seed in values], axis=0), resampled.mean(axis=1)
