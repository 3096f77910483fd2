"""The stacked engine in two worker processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from benchmarks.variants import Outcome, first_row, stacked_module, stacked_outcome, train_together
from fedexperts.training.engine import chunks
from fedexperts.training.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from benchmarks.workloads import Workload


def run_in_two_processes(workload: Workload) -> Outcome:
    """Two stacks of half the clients each, in worker processes, as the pipelines do on two cores."""
    module = stacked_module(workload)
    first = first_row(module, workload)
    shares = chunks([len(own) for own in workload.train], -(-len(workload.train) // 2))

    def compute(clients: list[int], _tick: Callable[[], None]) -> tuple[NDArray[np.floating], list[int]]:
        trained = train_together(module, first, workload, clients)
        return trained.rows.numpy(), trained.epochs.tolist()

    rows = first.repeat(len(workload.train), 1)
    best = [0] * len(workload.train)
    with Workers(compute, count=2) as workers:
        for share, (own_rows, own_best) in workers.run(shares):
            rows[shares[share]] = torch.as_tensor(own_rows)
            for client, epoch in zip(shares[share], own_best, strict=True):
                best[client] = epoch
    return stacked_outcome(module, workload, rows, best)
