"""Training steps recorded as CUDA graphs: on a GPU, small models are slowed down by the launching of kernels.

A recorded step is replayed with one launch. It is bound to the memory it was recorded with, so a cohort that
loses clients records anew.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Step = Callable[[Tensor, Tensor, Tensor | None], Tensor]

logger = logging.getLogger(__name__)

WARM_UP = 5
"""How many steps of a width are computed as they are before one is recorded; they set libraries up."""


class Replayed:
    """Steps that are recorded, for each number of clients, once they have been seen to come again.

    It does not hold on to the step, which would hold on to it: memory on a GPU has to be free at once.
    """

    possible = True
    """Whether steps can be recorded here at all; found out once for the whole process."""

    def __init__(self) -> None:
        self._seen: Counter[int] = Counter()
        self._recorded: dict[int, _Recorded] = {}
        # One for all widths: they are replayed one after another, and nothing of a step outlives it.
        self._pool: Any = None

    def __call__(self, step: Step, rows: Tensor, weights: Tensor, seeds: Tensor | None) -> Tensor:
        """Compute a step, or replay it.

        Args:
            step: Computes a step from the other arguments, without waiting for the GPU; it changes memory in
                place, the same in every call, and returns losses.
            rows: ``[clients, batch]``.
            weights: ``[clients, batch]``.
            seeds: ``[clients]``, or None.

        Returns:
            The losses.
        """
        width = len(rows)
        if width not in self._recorded and Replayed.possible and self._seen[width] >= WARM_UP:
            self._record(step, rows, weights, seeds)
        if width in self._recorded:
            return self._recorded[width](rows, weights, seeds)
        self._seen[width] += 1
        return step(rows, weights, seeds)

    def _record(self, step: Step, rows: Tensor, weights: Tensor, seeds: Tensor | None) -> None:
        try:
            self._pool = self._pool or torch.cuda.graph_pool_handle()
            self._recorded[len(rows)] = _Recorded(step, self._pool, rows, weights, seeds)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            Replayed.possible = False
            logger.warning("Steps cannot be recorded as CUDA graphs (%s); going on without.", error)


class _Recorded:
    def __init__(
        self,
        step: Step,
        pool: Any,  # noqa: ANN401 - torch's handle has no name
        rows: Tensor,
        weights: Tensor,
        seeds: Tensor | None,
    ) -> None:
        self._inputs = rows.clone(), weights.clone(), None if seeds is None else seeds.clone()
        self._graph = torch.cuda.CUDAGraph()
        current = torch.cuda.current_stream()
        try:
            # Recording computes nothing, so the step that is recorded has still to be replayed.
            with torch.cuda.graph(self._graph, pool=pool):
                self._losses = step(*self._inputs)
        finally:
            torch.cuda.set_stream(current)  # some versions of torch do not come back from a failure

    def __call__(self, *inputs: Tensor | None) -> Tensor:
        for own, given in zip(self._inputs, inputs, strict=True):
            if own is not None and given is not None:
                own.copy_(given)
        self._graph.replay()
        return self._losses.clone()
