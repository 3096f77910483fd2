"""What all points say together: a row per setting and method, over seeds and clients."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from fedexperts.errors import UserError
from fedexperts.evaluation.display import (
    ALL,
    GENERALIST,
    OPTED_IN,
    OPTED_OUT,
    UNSEEN,
    is_attainable,
    predictors,
)
from fedexperts.evaluation.statistics import (
    Bootstrap,
    lowest_tenth,
    mean,
    pair_clients,
    ratio_of_means,
    roles_of,
)
from fedexperts.experiments.seeds import over_seeds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    from fedexperts.evaluation.statistics import Estimate, Floats, Statistic

    Estimator: TypeAlias = Callable[[Statistic, Sequence[Floats]], Estimate]

MEASURES = ("accuracy", "loss", "ece")
TESTS = ("local", "global")
SHARES = ("accuracy", "ece", "bottom_decile", "clients_hurt")
COMPARED = ("local_accuracy", "global_accuracy", "local_loss", "global_loss")


def axes_of(table: pd.DataFrame) -> list[str]:
    """Name the columns that say which setting a row belongs to, the seed left out."""
    columns = list(table.columns)
    last = columns.index("seed") if "seed" in columns else columns.index("clients")
    return [name for name in columns[:last] if name != "point"]


def summarise_points(
    table: pd.DataFrame, resamples: int, confidence: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sum up the long table.

    Args:
        table: As :func:`fedexperts.experiments.long_table.long_table` returns it.
        resamples: Bootstrap resamples of the clients, where there is one seed.
        confidence: Of the intervals, in (0, 1).

    Returns:
        Two tables, with ``environment``, the settings in which points differ, ``clients`` (the group of
        clients), ``n_seeds`` and ``n_clients`` (of all seeds) in both, and every number with the bounds
        ``_low`` and ``_high`` of its interval. A number is the mean over seeds of what it is for one seed,
        with Student's t-interval (:func:`fedexperts.experiments.seeds.over_seeds`). With a single seed the
        interval is one over clients, as in the run's own summary
        (:class:`fedexperts.evaluation.statistics.Bootstrap`).

        The first has a row per ``method``, with ``+calibrated`` where it asked a calibrated generalist:
        ``local_accuracy``, ``global_accuracy``, ``local_loss``, ``global_loss`` (nats), ``local_ece``,
        ``global_ece``, means over clients; ``bottom_decile``, the local accuracy that a tenth of
        the clients stay below; ``clients_hurt``, the share of clients whose local accuracy is below FedAvg's;
        ``global_ratio``, the global accuracy as a fraction of FedAvg's, both means over clients.

        The second has a row per pair of methods: what ``method`` has more than ``reference``, on identical
        seeds and clients.
    """
    # A name says it all; what is paired by client must not say it once more.
    table = table.assign(method=predictors(table), calibrated=False)
    axes = axes_of(table)
    summaries: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    for values, rows in table.groupby(axes, dropna=False, sort=False):
        where = dict(zip(axes, values, strict=True))
        for group, members in _groups(rows):
            methods, scores = _line_up(members)
            counts = [of_seed.shape[1] for of_seed in scores["local_accuracy"]]
            about = {**where, "clients": group, "n_seeds": len(counts), "n_clients": sum(counts)}
            estimate = _over_seeds(confidence)
            if len(counts) == 1:
                seed = int(members["seed"].iloc[0])
                estimate = _over_clients(Bootstrap.of(counts[0], resamples, confidence, seed))
            summaries += [{**about, **row} for row in _summarise(methods, scores, estimate)]
            differences += [{**about, **row} for row in _compare(methods, scores, estimate)]
    return pd.DataFrame(summaries), pd.DataFrame(differences)


def _over_seeds(confidence: float) -> Estimator:
    return lambda statistic, values: over_seeds([statistic(of_seed) for of_seed in values], confidence)


def _over_clients(bootstrap: Bootstrap) -> Estimator:
    return lambda statistic, values: bootstrap.estimate(statistic, values[0])


def _groups(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Split by role, where every seed has clients of several; all clients come first."""
    yield ALL, rows
    roles = roles_of(rows)
    seeds = rows["seed"].nunique()
    found = {role: rows[roles == role] for role in (OPTED_IN, OPTED_OUT, UNSEEN) if (roles == role).any()}
    if len(found) > 1:
        yield from ((role, part) for role, part in found.items() if part["seed"].nunique() == seeds)


def _line_up(rows: pd.DataFrame) -> tuple[tuple[str, ...], dict[str, list[Floats]]]:
    """Get, by test and measure, a table ``[methods, clients]`` for each seed."""
    scores: dict[str, list[Floats]] = {f"{test}_{measure}": [] for test in TESTS for measure in MEASURES}
    methods: tuple[str, ...] = ()
    for seed, of_seed in rows.groupby("seed", sort=True):
        own = pair_clients(of_seed).methods
        if methods and own != methods:
            raise UserError(f"seed {seed} has other methods than the seeds before: they cannot be averaged")
        methods = own
        wide = of_seed.pivot(  # noqa: PD010 - nothing to aggregate: pair_clients refuses repeated keys
            index="client_id", columns=["test_set", "method"], values=list(MEASURES)
        )
        for test in TESTS:
            for measure in MEASURES:
                columns = [(measure, test, method) for method in methods]
                scores[f"{test}_{measure}"].append(wide[columns].to_numpy(dtype=np.float64).T)
    return methods, scores


def _summarise(
    methods: tuple[str, ...], scores: dict[str, list[Floats]], estimate: Estimator
) -> Iterator[dict[str, Any]]:
    reference = methods.index(GENERALIST)
    local, common = scores["local_accuracy"], scores["global_accuracy"]
    for index, method in enumerate(methods):
        estimates = {
            name: estimate(mean, [of_seed[index] for of_seed in by_seed]) for name, by_seed in scores.items()
        }
        estimates["bottom_decile"] = estimate(lowest_tenth, [of_seed[index] for of_seed in local])
        hurt = [(of_seed[index] < of_seed[reference]).astype(np.float64) for of_seed in local]
        estimates["clients_hurt"] = estimate(mean, hurt)
        estimates["global_ratio"] = estimate(
            ratio_of_means, [of_seed[[index, reference]] for of_seed in common]
        )
        row: dict[str, Any] = {"method": method, "attainable": is_attainable(method)}
        for name, found in estimates.items():
            row |= (found.of_share() if name.endswith(SHARES) else found).columns(name)
        yield row


def _compare(
    methods: tuple[str, ...], scores: dict[str, list[Floats]], estimate: Estimator
) -> Iterator[dict[str, Any]]:
    attainable = [index for index, method in enumerate(methods) if is_attainable(method)]
    for first, second in combinations(attainable, 2):
        row: dict[str, Any] = {"method": methods[second], "reference": methods[first]}
        for name in COMPARED:
            gains = [of_seed[second] - of_seed[first] for of_seed in scores[name]]
            row |= estimate(mean, gains).columns(name)
        yield row
