"""From ten clients to ten thousand, on one core: ``python -m benchmarks.scaling``.

Each has 50 examples. Every measurement is a process of its own, so that memory is its own too.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from benchmarks import measuring, reporting, workloads
from benchmarks.flops import useful_flops
from benchmarks.variants import (
    AGREEMENT,
    ANYWHERE,
    PLAIN,
    STACKED,
    differences,
    first_row,
    run_plain,
    stacked_module,
    train_together,
    trained_epochs,
)
from fedexperts.storage.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.reporting import Row
    from benchmarks.workloads import Workload

    Measurement = dict[str, Any]

CLIENTS = (10, 100, 1000, 10_000)
EXAMPLES = 50
CHUNK = 25
"""How many clients are stacked; the most that the pipelines stack on a CPU."""

PLAIN_CLIENTS = 50
"""The plain loop's time for a client does not depend on how many there are: so many are enough to know it."""

ONCE_FROM = 10_000
"""So many clients are measured once only."""

KINDS: dict[str, Callable[[str, int], Workload]] = {
    "FedAvg": partial(workloads.pooled_images, examples=EXAMPLES, patience=0),
    "personalisation": partial(workloads.pooled_images, examples=EXAMPLES, patience=1),
}
SMALL: dict[str, Callable[[str], Workload]] = {
    "FedAvg": partial(workloads.pooled_images, clients=3, examples=15, patience=0),
    "personalisation": partial(workloads.pooled_images, clients=3, examples=15, patience=1),
}
COLUMNS = {
    "workload": "workload",
    "variant": "variant",
    "clients": "clients",
    "ratio_vs_plain": "times faster",
    "share_of_peak": "of peak",
    "seconds_per_client": "CPU s / client",
    "cpu_seconds": "CPU s",
    "wall_seconds": "wall s",
    "peak_memory_mb": "MB",
    "memory_before_mb": "of it before",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; returns 1 if the stacked engine computed something else than the plain loop."""
    parser = reporting.parser("scaling", __doc__.splitlines()[0], repeats=3)
    parser.add_argument(
        "--clients", type=int, nargs="+", default=CLIENTS, help="how many; one or more numbers"
    )
    parser.add_argument("--alone", nargs=3, metavar=("KIND", "CLIENTS", "VARIANT"), help="only this")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.alone:
        kind, clients, variant = options.alone
        print(json.dumps(_measure(kind, int(clients), variant)))
        return 0
    peak = measuring.matmul_peak()
    worst = max(max(differences(build("small"), ANYWHERE).values()) for build in SMALL.values())
    rows = []
    for clients in (5,) if options.quick else options.clients:
        repeats = 1 if clients >= ONCE_FROM else options.repeats
        for kind in KINDS:
            turns = [
                {variant: _one(kind, clients, variant, quick=options.quick) for variant in (PLAIN, STACKED)}
                for _ in range(repeats)
            ]
            rows += _compare(kind, clients, turns, peak)
    reporting.finish(
        f"One thread, stacks of {CHUNK}; matmul peak of one core {peak / 1e9:.0f} GFLOP/s",
        rows,
        COLUMNS,
        options.output,
        matmul_peak_gflops=peak / 1e9,
        largest_difference=worst,
        note=options.note,
    )
    print(f"Trained weights differ from the plain loop's by {worst:.0e} at most, in float64.")
    return int(worst > AGREEMENT)


def _one(kind: str, clients: int, variant: str, *, quick: bool) -> Measurement:
    if quick:  # in this process, whose memory says nothing
        return _measure(kind, clients, variant) | {"peak_memory_mb": None, "memory_before_mb": None}
    return measuring.in_fresh_process("benchmarks.scaling", "--alone", kind, str(clients), variant)


def _compare(kind: str, clients: int, turns: list[dict[str, Measurement]], peak: float) -> list[Row]:
    ratio = statistics.median(
        turn[PLAIN]["seconds_per_client_step"] / turn[STACKED]["seconds_per_client_step"] for turn in turns
    )
    rows = []
    for variant in (PLAIN, STACKED):
        middle = {name: _median(turn[variant][name] for turn in turns) for name in turns[0][variant]}
        share = middle.pop("useful_flops") / middle["cpu_seconds"] / peak
        measured = {**middle, "ratio_vs_plain": ratio if variant == STACKED else 1.0, "share_of_peak": share}
        if middle["clients_measured"] < clients:
            measured |= {"peak_memory_mb": None, "memory_before_mb": None}
        rows.append(reporting.row(kind, variant, clients=clients, **measured))
    return rows


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _measure(kind: str, clients: int, variant: str) -> Measurement:
    workload = KINDS[kind](kind, clients)
    if variant == PLAIN:
        workload = workload.only(PLAIN_CLIENTS)
    compute = _one_by_one if variant == PLAIN else _in_stacks
    before = measuring.peak_memory_mb()
    compute(workload.only(2))  # what torch does once, at the first use of an operation, is left out
    with measuring.measured() as spent:
        epochs = compute(workload)
    return {
        "clients_measured": len(workload.train),
        "cpu_seconds": spent.cpu,
        "wall_seconds": spent.wall,
        "seconds_per_client": spent.cpu / len(workload.train),
        "seconds_per_client_step": spent.cpu / workload.client_steps(epochs),
        "useful_flops": useful_flops(workload, epochs),
        "peak_memory_mb": measuring.peak_memory_mb(),
        "memory_before_mb": before,
    }


def _one_by_one(workload: Workload) -> list[int]:
    return run_plain(workload).epochs


def _in_stacks(workload: Workload) -> list[int]:
    """Train all clients, some at a time; personal models go to a file, a federated round keeps their sum."""
    module = stacked_module(workload)
    first = first_row(module, workload)
    everyone = range(len(workload.train))
    total = torch.zeros_like(first)
    kept = Rows(len(everyone), module.size, "float32", Path(tempfile.gettempdir()))
    epochs: list[int] = []
    for start in everyone[::CHUNK]:
        positions = everyone[start : start + CHUNK]
        trained = train_together(module, first, workload, positions)
        if workload.validation:
            kept.write(positions, trained.rows.numpy())
        else:
            total += torch.tensor([float(len(workload.train[client])) for client in positions]) @ trained.rows
        epochs += trained_epochs(workload, trained.epochs.tolist())
    return epochs


if __name__ == "__main__":
    sys.exit(main())
