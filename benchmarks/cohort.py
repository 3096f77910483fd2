"""The stacked engine against a plain loop over the clients, on one core: ``python -m benchmarks.cohort``."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING

import torch

from benchmarks import measuring, reporting, workloads
from benchmarks.flops import useful_flops
from benchmarks.two_processes import run_in_two_processes
from benchmarks.variants import AGREEMENT, PLAIN, STACKED, differences, run_plain, run_stacked
from fedexperts.training.workers import can_fork

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.reporting import Row
    from benchmarks.variants import Variant
    from benchmarks.workloads import Workload

COLUMNS = {
    "workload": "workload",
    "variant": "variant",
    "ratio_vs_plain": "times faster",
    "wall_ratio_vs_plain": "by the clock",
    "share_of_peak": "of peak",
    "peak_memory_mb": "MB",
    "cpu_seconds": "CPU s",
    "wall_seconds": "wall s",
    "microseconds_per_client_step": "us / step",
    "largest_difference": "differs by",
}

TWO_PROCESSES = "2 processes"

VARIANTS: dict[str, Variant] = {
    PLAIN: run_plain,
    "plain, fused": partial(run_plain, fused=True),
    STACKED: run_stacked,
} | ({TWO_PROCESSES: run_in_two_processes} if can_fork() else {})

FULL: dict[str, Callable[[str], Workload]] = {
    "W1, 10 clients": partial(workloads.federated_images, clients=10),
    "W1, 25 clients": partial(workloads.federated_images, clients=25),
    "W2, 20 clients": partial(workloads.finetuned_images, clients=20),
    "text, 8 clients": partial(workloads.federated_texts, clients=8, epochs=1),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every workload; returns 1 if a variant computed something else than the plain loop."""
    parser = reporting.parser("cohort", __doc__, repeats=3)
    parser.add_argument("--alone", nargs=2, metavar=("WORKLOAD", "VARIANT"), help="only this, for its memory")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.alone:
        _print_memory(*options.alone)
        return 0
    peak = measuring.matmul_peak()
    agreed = {_kind(name): differences(build(name), VARIANTS) for name, build in workloads.SMALL.items()}
    rows = []
    for name, build in (workloads.SMALL if options.quick else FULL).items():
        rows += _compare(
            build(name), agreed[_kind(name)], peak, options.repeats, in_children=not options.quick
        )
    reporting.finish(
        f"One thread; matmul peak of one core {peak / 1e9:.0f} GFLOP/s",
        rows,
        COLUMNS,
        options.output,
        matmul_peak_gflops=peak / 1e9,
        note=options.note,
    )
    worst = max(max(found.values()) for found in agreed.values())
    print(f"Trained weights differ from the plain loop's by {worst:.0e} at most, in float64.")
    return int(worst > AGREEMENT)


def _kind(name: str) -> str:
    return name.split(",", maxsplit=1)[0]


def _compare(
    workload: Workload, agreed: dict[str, float], peak: float, repeats: int, *, in_children: bool
) -> list[Row]:
    epochs: dict[str, list[int]] = {}

    def compute(variant: str) -> None:
        epochs[variant] = VARIANTS[variant](workload).epochs

    spent = measuring.interleaved({name: partial(compute, name) for name in VARIANTS}, repeats)
    rows = []
    for variant, turns in spent.items():
        # The high-water mark of one process says nothing of its workers.
        alone = in_children and variant != TWO_PROCESSES
        middle = measuring.median(turns)
        steps = workload.client_steps(epochs[variant])
        # Rounding can let a client stop an epoch earlier or later: the time of a step is what is compared.
        alike = steps / workload.client_steps(epochs[PLAIN])
        memory = _memory(workload.name, variant) if alone else {}
        rows.append(
            reporting.row(
                workload.name,
                variant,
                ratio_vs_plain=measuring.ratio(spent[PLAIN], turns) * alike,
                wall_ratio_vs_plain=measuring.wall_ratio(spent[PLAIN], turns) * alike,
                share_of_peak=useful_flops(workload, epochs[variant]) / middle.cpu / peak,
                **memory,
                cpu_seconds=middle.cpu,
                wall_seconds=middle.wall,
                clients=len(workload.train),
                client_steps=steps,
                microseconds_per_client_step=1e6 * middle.cpu / steps,
                largest_difference=agreed[variant],
            )
        )
    return rows


def _memory(name: str, variant: str) -> dict[str, float]:
    return measuring.in_fresh_process("benchmarks.cohort", "--alone", name, variant)


def _print_memory(name: str, variant: str) -> None:
    workload = (FULL | workloads.SMALL)[name](name)
    before = measuring.peak_memory_mb()
    VARIANTS[variant](workload)
    print(json.dumps({"peak_memory_mb": measuring.peak_memory_mb(), "memory_before_mb": before}))


if __name__ == "__main__":
    sys.exit(main())
