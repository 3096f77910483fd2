"""What the models of clients are trained with: a device, chunks of clients, worker processes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import torch

from fedexperts.errors import UserError, is_out_of_memory
from fedexperts.training.device import describe_processor, resolve_device
from fedexperts.training.schedule import longest_first
from fedexperts.training.workers import can_fork, usable_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fedexperts.parameters import EngineSettings
    from fedexperts.training.stacked import StackedModule

    Positions = list[int]

Result = TypeVar("Result")

logger = logging.getLogger(__name__)

WIDEST = {"cpu": 25, "mps": 50, "cuda": 500}
"""The most clients computed together, by device: more gain nothing on a CPU; the others are guesses."""

SECONDS_BETWEEN_CHECKPOINTS = 30.0

CPU_BUDGET = 2**29
GPU_SHARE = 0.5

COPIES = 9
"""What a client in training holds, in multiples of its weights: start, weights, best weights, two moments,
gradient, and the gradient's parts while they are put together."""


@dataclass(frozen=True)
class Engine:
    """What computes.

    Attributes:
        device: Where.
        chunk_size: How many clients together; None to choose by their number, the model and the memory.
        workers: How many processes share the chunks.
        checkpoint_every: How many rounds lie between checkpoints; None to save by the clock.
    """

    device: torch.device
    chunk_size: int | None = None
    workers: int = 1
    checkpoint_every: int | None = None

    def size_for(self, clients: int, parameters: int) -> int:
        """Choose how many clients are computed together.

        The number of workers has no say, so that it changes no result.

        Args:
            clients: How many there are in all.
            parameters: The number of parameters of one model.
        """
        if self.chunk_size is not None:
            return min(self.chunk_size, clients)
        # A small cohort on the CPU is parted in two, so that a second core has something to do.
        even = clients if self.device.type != "cpu" else -(-clients // 2)
        fitting = self._memory() // (COPIES * parameters * torch.finfo(torch.float32).bits // 8)
        return max(1, min(WIDEST[self.device.type], even, fitting))

    def is_checkpoint_due(self, rounds: int, seconds: float) -> bool:
        """Whether to save now.

        Args:
            rounds: How many rounds there were in all.
            seconds: How long ago the last checkpoint was saved.
        """
        if self.checkpoint_every is None:
            return seconds >= SECONDS_BETWEEN_CHECKPOINTS
        return rounds % self.checkpoint_every == 0

    def note(self, size: int) -> dict[str, str | int]:
        """What a stage notes of the engine that it used, since it can change a result's last digits."""
        return {"device": str(self.device), "chunk_size": size}

    @property
    def processor(self) -> str:
        """The kind of processor, which can change a result's last digits too."""
        return describe_processor(self.device)

    def processes_for(self, clients: int, size: int) -> int:
        """How many processes have something to do."""
        return min(self.workers, -(-clients // size))

    def announce(self, what: str, clients: int, size: int, module: StackedModule) -> None:
        """Tell the log how something is about to be trained."""
        processes = self.processes_for(clients, size)
        logger.info(
            "%s: %d clients, %d together, on %s with %d process%s, %s",
            what,
            clients,
            size,
            self.device,
            processes,
            "es" if processes > 1 else "",
            "layer by layer for all of them (the fast path)" if module.fast else "by vmap (the general path)",
        )

    def _memory(self) -> int:
        if self.device.type == "cuda":
            # Not what is free of it: that changes from moment to moment, and with it would the results.
            return int(torch.cuda.get_device_properties(self.device).total_memory * GPU_SHARE)
        return CPU_BUDGET


def chunks(lengths: Sequence[int], size: int) -> list[Positions]:
    """Part clients into chunks of about the same work.

    Args:
        lengths: How many examples each client has.
        size: The most clients in a chunk.

    Returns:
        The positions of the clients of each chunk.
    """
    count = -(-len(lengths) // size)
    order = longest_first(lengths)
    return [order[start::count] for start in range(count)]


def open_engine(device: str, settings: EngineSettings) -> Engine:
    """Find out what a run can compute with.

    Args:
        device: The setting ``device``; see :func:`~fedexperts.training.device.resolve_device`.
        settings: The settings of the engine.

    Raises:
        UserError: If the device that was asked for is not there.
    """
    where = resolve_device(device)
    workers = usable_cores() if settings.workers == "auto" else settings.workers
    if workers > 1 and (where.type != "cpu" or not can_fork()):
        if settings.workers != "auto":
            logger.warning("Using one process instead of %d: more of them need Linux and no GPU.", workers)
        workers = 1
    return Engine(where, _chosen(settings.chunk_size), workers, _chosen(settings.checkpoint_every))


def _chosen(setting: int | Literal["auto"]) -> int | None:
    return None if setting == "auto" else setting


def halving(
    compute: Callable[[Positions], Result], positions: Positions
) -> Iterator[tuple[Positions, Result]]:
    """Compute a chunk of clients, in ever smaller parts if memory does not suffice for it.

    Args:
        compute: Computes the clients at the given positions; it may be called again for some of them.
        positions: The clients of the chunk.

    Yields:
        The clients that were computed together, and their result.

    Raises:
        UserError: If not even one client alone can be computed.
    """
    try:
        result = compute(positions)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if len(positions) == 1:
            raise UserError(
                "memory does not suffice to train the model of a single client; use a smaller model or batch"
            ) from error
    else:
        yield positions, result
        return
    # Outside the handler: there the exception would hold on to the tensors of the failed attempt.
    half = -(-len(positions) // 2)
    logger.warning("Memory does not suffice for %d clients together; trying %d.", len(positions), half)
    torch.cuda.empty_cache()
    for part in (positions[:half], positions[half:]):
        yield from halving(compute, part)
