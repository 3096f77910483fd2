"""The paper's experiment on CIFAR-10 from end to end, with random data (arXiv:2010.02056, section 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from benchmarks import workloads
from benchmarks.accelerator import seconds
from benchmarks.variants import architecture, first_row, stacked_module
from fedexperts.federation.aggregation import weighted_average
from fedexperts.federation.sampling import sample_cohort
from fedexperts.models.architecture import initial_parameters
from fedexperts.models.mixture import Mixture
from fedexperts.randomness import generator
from fedexperts.training.cohort import outputs, train, train_until_stopped
from fedexperts.training.data import CohortData
from fedexperts.training.stacked import StackedModule

if TYPE_CHECKING:
    from torch import Tensor

    from benchmarks.workloads import Workload
    from fedexperts.training.cohort import Trained


@dataclass(frozen=True)
class Experiment:
    """How large it is; as in the paper, but for the patience, which it does not give."""

    clients: int = 100
    rounds: int = 1250
    clients_per_round: int = 5
    local_epochs: int = 3
    max_epochs: int = 500
    patience: int = 15
    learning_rate: float = 5e-5
    finetuning_rate: float = 1e-5


def run(experiment: Experiment, device: torch.device) -> dict[str, tuple[float, int]]:
    """Do everything that trains.

    Returns:
        For each stage how many seconds it took, and how many client steps those were.
    """
    workload = workloads.finetuned_images("paper", experiment.clients).on(device)
    spent: dict[str, tuple[float, int]] = {}
    kept: dict[str, Tensor] = {}

    def federate() -> None:
        kept["generalist"] = _federate(workload, experiment)

    elapsed = seconds(device, federate)
    steps = experiment.rounds * experiment.clients_per_round * experiment.local_epochs
    spent["FedAvg"] = elapsed, steps * len(workload.train[0]) // workload.training.batch_size
    for kind in ("local", "specialist", "mixture"):
        epochs: list[int] = []

        def personalise(kind: str = kind, epochs: list[int] = epochs) -> None:
            trained = _personalise(kind, workload, kept["generalist"], experiment)
            stopped = trained.epochs + experiment.patience
            epochs += stopped.clamp(max=experiment.max_epochs).tolist()

        elapsed = seconds(device, personalise)
        spent[kind] = elapsed, workload.client_steps(epochs)
    return spent


def _federate(workload: Workload, experiment: Experiment) -> Tensor:
    module = stacked_module(workload)
    model = first_row(module, workload)
    data = CohortData((workload.inputs,), workload.labels, workload.train)
    settings = replace(workload.training, learning_rate=experiment.learning_rate)
    for number in range(1, experiment.rounds + 1):
        cohort = sample_cohort(experiment.clients, experiment.clients_per_round, workloads.SEED, number)
        streams = [generator(workloads.SEED, "benchmarks/rounds", client, number) for client in cohort]
        start = model.expand(len(cohort), -1)
        trained = train(module, start, data.only(cohort), settings, streams, experiment.local_epochs)
        examples = torch.tensor([len(workload.train[client]) for client in cohort], device=model.device)
        model = weighted_average(trained.rows, examples)
    return model


def _personalise(kind: str, workload: Workload, generalist: Tensor, experiment: Experiment) -> Trained:
    module = stacked_module(workload)
    inputs: tuple[Tensor, ...] = (workload.inputs,)
    rows = first_row(module, workload) if kind == "local" else generalist
    if kind == "mixture":
        inputs += (outputs(module, generalist, inputs).log_softmax(dim=-1),)
        expert, gate = architecture(workload, workload.classes), architecture(workload, 1)
        module = StackedModule(Mixture(expert, gate).to(generalist.device))
        drawn = initial_parameters(lambda: architecture(workload, 1), workloads.SEED, "benchmarks/gate")
        first_gate = torch.cat([value.flatten() for value in drawn.values()]).to(generalist.device)
        rows = torch.cat([generalist, first_gate])
    rate = experiment.learning_rate if kind == "local" else experiment.finetuning_rate
    return train_until_stopped(
        module,
        rows.expand(experiment.clients, -1),
        CohortData(inputs, workload.labels, workload.train),
        CohortData(inputs, workload.labels, workload.validation),
        replace(workload.training, learning_rate=rate),
        [workload.stream(client) for client in range(experiment.clients)],
        experiment.max_epochs,
        experiment.patience,
    )
