"""Federated averaging by several frameworks, from a cold start: ``python -m benchmarks.peers``.

100 clients with 100 images each in memory, ten clients a round, three local epochs with Adam, batches of ten,
30 rounds, no evaluation, one thread per process.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from benchmarks import measuring, reporting
from benchmarks.flops import multiply_adds_by_layer
from benchmarks.peers import environments, own, plain_loop, processes, task
from benchmarks.variants import AGREEMENT, PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.measuring import Spent
    from benchmarks.reporting import Row

OWN = "fedexperts"
ROUNDS = 30
FEW = 2  # clients in the round that is checked
SECONDS = 1800.0
# No more threads than processes, and no reports to the frameworks' makers.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_HOME": str(environments.ENVIRONMENTS / "flower_home"),
    "RAY_USAGE_STATS_ENABLED": "0",
}
COLUMNS = {
    "variant": "framework",
    "version": "version",
    "ratio_vs_plain": "times faster",
    "ratio_to_own": "CPU / ours",
    "share_of_peak": "of peak",
    "cpu_seconds": "CPU s",
    "wall_seconds": "wall s",
    "cpu_seconds_first_round": "CPU s, 1 round",
    "wall_seconds_first_round": "wall s, 1 round",
    "peak_memory_mb": "MB",
    "error": "error",
}


@dataclass(frozen=True)
class Peer:
    """A framework.

    Attributes:
        module: Its program, beside this one.
        package: Whose version counts; None for what has no version.
        requirements: Its environment; None for the running one.
        arguments: What its program is called with besides the rounds.
    """

    module: str
    package: str | None = None
    requirements: str | None = None
    arguments: tuple[str, ...] = ()


PEERS = {
    PLAIN: Peer("plain_loop"),
    OWN: Peer("own", "fedexperts"),
    f"{OWN}, 2 processes": Peer("own", "fedexperts", arguments=("--processes", "2")),
    "Flower": Peer("flower", "flwr", "flower"),
    "pfl-research": Peer("pfl_research", "pfl", "pfl_research"),
}


@dataclass
class Turns:
    """All measurements of one framework, or why there are none."""

    python: str = sys.executable
    version: str | None = None
    all_rounds: list[Spent] = field(default_factory=list)
    first_round: list[Spent] = field(default_factory=list)
    memory: float | None = None
    error: str | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; returns 1 if this project computes something else than the plain loop."""
    parser = reporting.parser("peers", (__doc__ or "").splitlines()[0], repeats=3)
    parser.add_argument("--only", nargs="+", choices=PEERS, default=list(PEERS), help="some of them")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    models = [program.train_rounds(1, FEW, torch.float64) for program in (own, plain_loop)]
    difference = float((models[0] - models[1]).abs().max())
    peak = measuring.matmul_peak()
    processes.adopt_orphans()
    rounds = 1 if options.quick else ROUNDS
    found = {name: _prepare(PEERS[name]) for name in options.only}
    for _ in range(options.repeats):
        for name, turns in found.items():
            _turn(PEERS[name], turns, rounds)
    reporting.finish(
        f"{rounds} rounds of federated averaging, from a cold start",
        [_row(name, found, rounds, peak) for name in found],
        COLUMNS,
        options.output,
        matmul_peak_gflops=peak / 1e9,
        largest_difference=difference,
        note=options.note,
    )
    print(f"Our weights differ from the plain loop's by {difference:.0e} at most, in float64.")
    return int(difference > AGREEMENT)


def _prepare(peer: Peer) -> Turns:
    try:
        python = environments.python_of(peer.requirements) if peer.requirements else sys.executable
    except environments.InstallationError as error:
        return Turns(error=f"cannot be installed: {error}")
    version = environments.version_of(python, peer.package) if peer.package else torch.__version__
    return Turns(python, version)


def _turn(peer: Peer, turns: Turns, rounds: int) -> None:
    if turns.error:
        return
    command = [turns.python, "-m", f"benchmarks.peers.{peer.module}", *peer.arguments, "--rounds"]
    try:
        every, memory = processes.run([*command, str(rounds)], ENVIRONMENT, SECONDS)
        first = processes.run([*command, "1"], ENVIRONMENT, SECONDS)[0] if rounds > 1 else every
    except processes.ProgramError as error:
        turns.error = f"does not run: {error}"
        return
    turns.first_round.append(first)
    turns.all_rounds.append(every)
    turns.memory = max(turns.memory or 0.0, memory or 0.0) or None


def _row(name: str, found: dict[str, Turns], rounds: int, peak: float) -> Row:
    turns = found[name]
    workload = f"FedAvg, {rounds} rounds"
    if turns.error:
        return reporting.row(workload, name, version=turns.version, error=turns.error)
    middle, first = measuring.median(turns.all_rounds), measuring.median(turns.first_round)
    steps = rounds * task.CLIENTS_PER_ROUND * task.LOCAL_EPOCHS * task.EXAMPLES // task.BATCH_SIZE
    later = statistics.median(
        every.cpu - one.cpu for every, one in zip(turns.all_rounds, turns.first_round, strict=True)
    )
    return reporting.row(
        workload,
        name,
        version=turns.version,
        ratio_vs_plain=_ratio(found, PLAIN, name),
        ratio_to_own=_ratio(found, name, OWN),
        share_of_peak=2 * _multiply_adds() * task.BATCH_SIZE * steps / middle.cpu / peak,
        peak_memory_mb=turns.memory,
        cpu_seconds=middle.cpu,
        wall_seconds=middle.wall,
        cpu_seconds_first_round=first.cpu,
        wall_seconds_first_round=first.wall,
        cpu_seconds_later_round=later / max(rounds - 1, 1),
        clients=task.CLIENTS,
        client_steps=steps,
        microseconds_per_client_step=1e6 * middle.cpu / steps,
        error=None,
    )


def _multiply_adds() -> int:
    """Forwards and backwards for an image; see benchmarks/flops.py."""
    by_layer = multiply_adds_by_layer(task.network(), torch.zeros(1, 3, 32, 32))
    return 3 * sum(by_layer) - by_layer[0]


def _ratio(found: dict[str, Turns], above: str, below: str) -> float | None:
    """The median over the turns of one framework's CPU time divided by another's."""
    pair = [found[name] for name in (above, below) if name in found and not found[name].error]
    if len(pair) < 2:
        return None
    one, other = (turns.all_rounds for turns in pair)
    return measuring.ratio(one, other)


if __name__ == "__main__":
    sys.exit(main())
