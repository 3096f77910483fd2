"""What a device could do: its arithmetic and memory traffic as measured, and the least that a step needs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from benchmarks.flops import useful_flops

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.workloads import Workload

TRIALS = 20
PASSES = 8
"""How often a step has to touch every parameter, at least: read and write the weights and Adam's two moments,
write and read the gradient."""


def synchronize(device: torch.device) -> None:
    """Wait until a device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(device: torch.device, compute: Callable[[], object]) -> float:
    """Measure the wall-clock time of a computation, waiting for the device at its two ends alone."""
    synchronize(device)
    start = time.perf_counter()
    compute()
    synchronize(device)
    return time.perf_counter() - start


def matmul_peak(device: torch.device, size: int) -> float:
    """Measure floating-point operations per second: products of two float32 matrices, in full precision."""
    left, right = torch.randn(2, size, size, device=device)

    def multiply() -> None:
        for _ in range(TRIALS):
            left @ right

    multiply()
    return TRIALS * 2 * size**3 / min(seconds(device, multiply) for _ in range(3))


def bandwidth(device: torch.device, numbers: int) -> float:
    """Measure bytes per second of memory traffic, read and written: copies of a large tensor."""
    source = torch.randn(numbers, device=device)
    target = torch.empty_like(source)

    def copy() -> None:
        for _ in range(TRIALS):
            target.copy_(source)

    copy()
    return TRIALS * 2 * source.nbytes / min(seconds(device, copy) for _ in range(3))


def least_seconds(
    workload: Workload, epochs: list[int], parameters: int, flops_per_second: float, bytes_per_second: float
) -> float:
    """The least time that a workload can take: for arithmetic, or for memory traffic if that is longer.

    Args:
        workload: What is computed.
        epochs: For each client how many epochs it trained.
        parameters: The number of parameters of one model.
        flops_per_second: What :func:`matmul_peak` measured.
        bytes_per_second: What :func:`bandwidth` measured.
    """
    arithmetic = useful_flops(workload, epochs) / flops_per_second
    traffic = workload.client_steps(epochs) * PASSES * parameters * 4 / bytes_per_second
    return max(arithmetic, traffic)
