"""The same with this project's engine, called from Python."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.utils import parameters_to_vector

from benchmarks.peers import task
from benchmarks.workloads import Training
from fedexperts.federation.aggregation import weighted_average
from fedexperts.federation.sampling import sample_cohort
from fedexperts.models.cnn import lenet
from fedexperts.models.inputs import InputSpec
from fedexperts.randomness import generator
from fedexperts.training.cohort import train
from fedexperts.training.data import CohortData
from fedexperts.training.stacked import StackedModule


def main() -> None:
    """Compute the rounds."""
    torch.set_num_threads(1)
    train_rounds(task.rounds(), task.CLIENTS_PER_ROUND)


def train_rounds(rounds: int, cohort_size: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Train a model for so many rounds; returns its weights ``[parameters]``."""
    drawn = task.load()
    rows = np.split(np.arange(task.CLIENTS * task.EXAMPLES), task.CLIENTS)
    data = CohortData((drawn.images.flatten(0, 1).to(dtype),), drawn.labels.flatten(), rows)
    module = StackedModule(lenet(InputSpec((3, 32, 32)), task.CLASSES).to(dtype))
    model = parameters_to_vector(task.network().to(dtype).parameters()).detach()
    settings = Training(learning_rate=task.LEARNING_RATE, batch_size=task.BATCH_SIZE)
    for number in range(1, rounds + 1):
        cohort = sample_cohort(task.CLIENTS, cohort_size, task.SEED, number)
        streams = [generator(task.SEED, "benchmarks/batches", client, number) for client in cohort]
        start = model.expand(len(cohort), -1)
        trained = train(module, start, data.only(cohort), settings, streams, task.LOCAL_EPOCHS)
        model = weighted_average(trained.rows, torch.full((len(cohort),), task.EXAMPLES))
    return model


if __name__ == "__main__":
    main()
