"""The stacked engine on a GPU, against a loop over the clients on the same GPU: ``python -m benchmarks.gpu``.

It needs torch and numpy, and nothing else: ``PYTHONPATH=src python -m benchmarks.gpu`` runs it
from a checkout.
"""

from __future__ import annotations

import statistics
import sys
from functools import partial
from typing import TYPE_CHECKING

import torch

from benchmarks import paper, reporting, workloads
from benchmarks.accelerator import bandwidth, least_seconds, matmul_peak, seconds
from benchmarks.variants import AGREEMENT, ANYWHERE, PLAIN, STACKED, differences, stacked_module
from fedexperts.training.device import reproducibly

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from benchmarks.reporting import Row
    from benchmarks.workloads import Workload

PLAIN_CLIENTS = 10
"""The loop's time for a client does not depend on how many there are: so many are enough to know it."""

MATRIX = 8192
LARGE_TENSOR = 2**28

FULL: dict[str, Callable[[str], Workload]] = {
    "W1, 100 clients": partial(workloads.federated_images, clients=100, fewest=100, most=100),
    "W2, 100 clients": partial(workloads.finetuned_images, clients=100),
    "text, 100 clients": partial(workloads.federated_texts, clients=100, epochs=1),
}
TINY_EXPERIMENT = paper.Experiment(clients=3, rounds=2, clients_per_round=2, max_epochs=2, patience=1)
COLUMNS = {
    "workload": "workload",
    "variant": "variant",
    "ratio_vs_plain": "times faster",
    "share_of_peak": "of ceiling",
    "peak_memory_mb": "MB",
    "wall_seconds": "seconds",
    "client_steps": "client steps",
    "microseconds_per_client_step": "us / step",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; returns 2 without a GPU, and 1 if the stacked engine computed something else than the loop."""
    parser = reporting.parser("gpu", __doc__.splitlines()[0], repeats=3)
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to see that it works")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        print(
            "There is no GPU that torch can use here; `--device cpu --quick` runs the same code on the CPU."
        )
        return 2
    device = torch.device(options.device)
    with reproducibly():
        return _measure(device, options)


def _measure(device: torch.device, options: argparse.Namespace) -> int:
    small = [build(name).on(device) for name, build in workloads.SMALL.items()]
    worst = max(max(differences(workload, ANYWHERE).values()) for workload in small)
    shrink = 16 if options.quick else 1
    flops, traffic = matmul_peak(device, MATRIX // shrink), bandwidth(device, LARGE_TENSOR // shrink**2)
    rows = []
    for name, build in (workloads.SMALL if options.quick else FULL).items():
        rows += _compare(build(name).on(device), flops, traffic, options.repeats)
    experiment = TINY_EXPERIMENT if options.quick else paper.Experiment()
    stages = paper.run(experiment, device)
    rows += [_stage(name, *stage) for name, stage in stages.items()]
    total, steps = (sum(column) for column in zip(*stages.values(), strict=True))
    rows.append(_stage("all", total, steps))
    reporting.finish(
        f"{flops / 1e12:.3g} TFLOP/s in float32 and {traffic / 1e9:.0f} GB/s measured",
        rows,
        COLUMNS,
        options.output,
        device=str(device),
        matmul_peak_gflops=flops / 1e9,
        bandwidth_gb_per_second=traffic / 1e9,
        largest_difference=worst,
        note=options.note,
    )
    print(f"Trained weights differ from the loop's by {worst:.0e} at most, in float64.")
    return int(worst > AGREEMENT)


def _compare(workload: Workload, flops: float, traffic: float, repeats: int) -> list[Row]:
    device = workload.labels.device
    parts = {PLAIN: workload.only(PLAIN_CLIENTS), STACKED: workload}
    epochs: dict[str, list[int]] = {}
    memory: dict[str, float | None] = {}
    per_step: dict[str, list[float]] = {name: [] for name in parts}

    def compute(name: str) -> None:
        epochs[name] = ANYWHERE[name](parts[name]).epochs

    for turn in range(repeats + 1):
        for name, part in parts.items():
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            elapsed = seconds(device, partial(compute, name))
            memory[name] = torch.cuda.max_memory_allocated() / 1e6 if device.type == "cuda" else None
            if turn > 0:  # the first turn warms up
                per_step[name].append(elapsed / part.client_steps(epochs[name]))
    rows = []
    for name, part in parts.items():
        steps = part.client_steps(epochs[name])
        wall = steps * statistics.median(per_step[name])
        size = stacked_module(part).size
        rows.append(
            reporting.row(
                workload.name,
                name,
                ratio_vs_plain=statistics.median(
                    loop / own for loop, own in zip(per_step[PLAIN], per_step[name], strict=True)
                ),
                share_of_peak=least_seconds(part, epochs[name], size, flops, traffic) / wall,
                peak_memory_mb=memory[name],
                wall_seconds=wall,
                clients=len(part.train),
                client_steps=steps,
                microseconds_per_client_step=1e6 * wall / steps,
            )
        )
    return rows


def _stage(name: str, elapsed: float, steps: int) -> Row:
    return reporting.row(
        "the paper's CIFAR-10",
        f"{STACKED}: {name}",
        wall_seconds=elapsed,
        client_steps=steps,
        microseconds_per_client_step=1e6 * elapsed / steps,
    )


if __name__ == "__main__":
    sys.exit(main())
