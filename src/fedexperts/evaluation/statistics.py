"""What the clients' results say together, and how far other clients could have said something else.

All intervals are percentile bootstrap intervals (Efron 1979) over clients. The same resampled clients serve
every method and test set, so that differences between methods are differences on identical clients. They show
how results vary between clients, not between seeds or test examples. What is the same for all clients has
none, such as the accuracy of a model that they share on a test that they share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fedexperts.evaluation.display import (
    ALL,
    CALIBRATED,
    GENERALIST,
    OPTED_IN,
    OPTED_OUT,
    UNSEEN,
    is_attainable,
    looks,
    predictors,
)
from fedexperts.randomness import generator

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray

    from fedexperts.parameters import EvaluationSettings

    Floats: TypeAlias = NDArray[np.float64]
    Statistic: TypeAlias = Callable[[Floats], Floats]

ROUNDING = 1e-12
"""Shares that are no further apart are the same."""

STATISTICS = ("local_accuracy", "global_accuracy", "bottom_decile", "clients_hurt")


@dataclass(frozen=True)
class Estimate:
    """A value and the bounds of its interval, NaN where there is none."""

    value: float
    low: float
    high: float

    def columns(self, name: str) -> dict[str, float]:
        """Name the value, and its bounds ``<name>_low`` and ``<name>_high``, as all tables do."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}

    def of_share(self) -> Estimate:
        """Cut the interval off where no share can be: below 0 and above 1."""
        return Estimate(self.value, *(float(np.clip(bound, 0.0, 1.0)) for bound in (self.low, self.high)))


@dataclass(frozen=True)
class PairedAccuracy:
    """The accuracy of every method on the same clients.

    Attributes:
        methods: Their names as :func:`fedexperts.evaluation.display.predictors` gives them, in display order.
        roles: ``[clients]``: ``unseen`` where a client was kept out of training for the experiment's sake,
            else ``opted_out`` or ``opted_in``.
        on_local: ``[methods, clients]``, accuracy on each client's local test.
        on_global: ``[methods, clients]``, accuracy on the global test.
    """

    methods: tuple[str, ...]
    roles: NDArray[np.object_]
    on_local: Floats
    on_global: Floats

    @property
    def clients(self) -> int:
        """The number of clients."""
        return len(self.roles)

    def row(self, test_set: str, method: str) -> Floats:
        """Get one method's accuracies ``[clients]`` on the ``"local"`` or the ``"global"`` test."""
        accuracies: Floats = (self.on_local if test_set == "local" else self.on_global)[
            self.methods.index(method)
        ]
        return accuracies

    def groups(self) -> dict[str, PairedAccuracy]:
        """Split by role, where there are several; the group of all clients comes first."""
        roles = [role for role in (OPTED_IN, OPTED_OUT, UNSEEN) if (self.roles == role).any()]
        return {ALL: self} | {role: self._only(self.roles == role) for role in roles if len(roles) > 1}

    def _only(self, kept: NDArray[np.bool_]) -> PairedAccuracy:
        return PairedAccuracy(self.methods, self.roles[kept], self.on_local[:, kept], self.on_global[:, kept])


@dataclass(frozen=True)
class Bootstrap:
    """Resampled clients.

    Attributes:
        draws: ``[resamples, clients]``, positions of clients drawn with replacement.
        confidence: How probably an interval covers what it is for, in (0, 1).
    """

    draws: NDArray[np.int64]
    confidence: float

    @classmethod
    def of(cls, clients: int, resamples: int, confidence: float, seed: int) -> Bootstrap:
        """Draw the resamples of so many clients; the same ones for the same seed."""
        draws = generator(seed, "bootstrap").integers(clients, size=(resamples, clients))
        return cls(draws, confidence)

    def estimate(self, statistic: Statistic, values: Floats) -> Estimate:
        """Compute a statistic and its interval.

        Args:
            statistic: Reduces the last axis, which holds clients, and any before it but the resamples'.
            values: ``[..., clients]``.

        Returns:
            The statistic of the clients there are, and the bounds of its interval; NaN where all clients
            have the same values.
        """
        value = float(statistic(values))
        if (np.ptp(values, axis=-1) <= ROUNDING).all():
            return Estimate(value, float("nan"), float("nan"))
        tail = (1.0 - self.confidence) / 2.0
        low, high = np.quantile(statistic(values[..., self.draws]), [tail, 1.0 - tail])
        return Estimate(value, float(low), float(high))


def mean(values: Floats) -> Floats:
    """Average over clients, ``[..., clients]`` to ``[...]``."""
    return np.asarray(values.mean(axis=-1))


def lowest_tenth(values: Floats) -> Floats:
    """Get the value that a tenth of the clients stay below, ``[..., clients]`` to ``[...]``."""
    return np.asarray(np.quantile(values, 0.1, axis=-1))


def ratio_of_means(values: Floats) -> Floats:
    """Divide one mean over clients by another, ``[2, ..., clients]`` to ``[...]``; NaN for division by 0."""
    above, below = mean(values[0]), mean(values[1])
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def roles_of(rows: pd.DataFrame) -> NDArray[np.object_]:
    """Say what each row's client is: ``unseen`` before ``opted_out`` before ``opted_in``."""
    is_role = [rows[role].astype(bool) for role in (UNSEEN, OPTED_OUT)]
    return np.select(is_role, [UNSEEN, OPTED_OUT], OPTED_IN).astype(np.object_)


def pair_clients(client_metrics: pd.DataFrame) -> PairedAccuracy:
    """Line up all methods on the same clients.

    Args:
        client_metrics: A row per client, method and test set, with the columns ``client_id``, ``opted_out``,
            ``unseen``, ``method``, ``calibrated``, ``test_set``, ``n`` and ``accuracy``.

    Raises:
        ValueError: If FedAvg is missing, a row occurs twice, or a client was tested with one method and not
            with another, or on other numbers of examples.
    """
    client_metrics = client_metrics.assign(method=predictors(client_metrics))
    methods = tuple(looks(client_metrics["method"]))
    if GENERALIST not in methods:
        raise ValueError(
            f"client_metrics lacks the method {GENERALIST!r}, which all others are compared with"
        )
    keys = ["client_id", "method", "test_set"]
    if client_metrics.duplicated(keys).any():
        raise ValueError(f"client_metrics has several rows for the same {', '.join(keys)}")
    sizes = client_metrics.groupby(["client_id", "test_set"])["n"].nunique()
    if (sizes > 1).any():
        client, test = sizes[sizes > 1].index[0]
        raise ValueError(
            f"client {client} was tested on different numbers of {test} examples; "
            "methods are compared on identical examples"
        )
    table = client_metrics.pivot(  # noqa: PD010 - nothing to aggregate: keys are unique
        index="client_id", columns=["test_set", "method"], values="accuracy"
    )
    tests = [table.reindex(columns=[(test, name) for name in methods]) for test in ("local", "global")]
    lacking = pd.concat(tests, axis="columns").isna().any(axis="columns")
    if lacking.any():
        raise ValueError(
            f"client {lacking.idxmax()} lacks an accuracy of some method; "
            "methods are compared on identical clients"
        )
    roles = roles_of(client_metrics.groupby("client_id").first())
    return PairedAccuracy(methods, roles, *(test.to_numpy(dtype=np.float64).T for test in tests))


def summarise(client_metrics: pd.DataFrame, settings: EvaluationSettings, seed: int) -> pd.DataFrame:
    """Sum up every method over clients.

    Args:
        client_metrics: As for :func:`pair_clients`.
        settings: The number of resamples and the confidence of the intervals.
        seed: The seed of the run.

    Returns:
        A row per group of clients (``clients``: all, and opted_in, opted_out and unseen where there are
        several), ``method`` and ``calibrated``, with ``attainable``, ``n_clients`` and, each with the bounds
        ``_low`` and ``_high`` of its interval and all shares in [0, 1]: ``local_accuracy`` and
        ``global_accuracy``, means over clients; ``bottom_decile``, the local accuracy that a tenth of the
        clients stay below; ``clients_hurt``, the share of clients whose local accuracy is below FedAvg's.

    Raises:
        ValueError: As :func:`pair_clients`.
    """
    rows = []
    for group, pairs in pair_clients(client_metrics).groups().items():
        bootstrap = Bootstrap.of(pairs.clients, settings.resamples, settings.confidence, seed)
        for method in pairs.methods:
            local = pairs.row("local", method)
            hurt = (local < pairs.row("local", GENERALIST)).astype(np.float64)
            estimates = (
                bootstrap.estimate(mean, local),
                bootstrap.estimate(mean, pairs.row("global", method)),
                bootstrap.estimate(lowest_tenth, local),
                bootstrap.estimate(mean, hurt),
            )
            row = {
                "clients": group,
                "method": method.removesuffix(CALIBRATED),
                "calibrated": method.endswith(CALIBRATED),
                "attainable": is_attainable(method),
                "n_clients": pairs.clients,
            }
            for name, estimate in zip(STATISTICS, estimates, strict=True):
                row |= estimate.columns(name)
            rows.append(row)
    return pd.DataFrame(rows)


def mean_scores(client_metrics: pd.DataFrame) -> pd.DataFrame:
    """Average loss and calibration error over clients.

    Args:
        client_metrics: A row per client, method and test set, with ``loss`` and ``ece``.

    Returns:
        A row per method in display order: ``method``, ``calibrated``, ``local_loss``, ``local_ece``,
        ``global_loss``, ``global_ece``; NaN where nothing was measured.
    """
    names = predictors(client_metrics)
    means = client_metrics.groupby([names.rename("name"), "test_set"])[["loss", "ece"]].mean()
    rows = [
        {"method": method.removesuffix(CALIBRATED), "calibrated": method.endswith(CALIBRATED)}
        | {
            f"{test}_{score}": means[score].get((method, test), np.nan)
            for test in ("local", "global")
            for score in ("loss", "ece")
        }
        for method in looks(names)
    ]
    return pd.DataFrame(rows)
