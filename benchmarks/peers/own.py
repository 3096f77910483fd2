"""The same with this project's engine, called from Python."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

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
from fedexperts.training.engine import chunks
from fedexperts.training.stacked import StackedModule
from fedexperts.training.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Compute the rounds."""
    torch.set_num_threads(1)
    parser = task.parser()
    parser.add_argument("--processes", type=int, default=1, help="2: as the pipelines use two cores")
    options = parser.parse_args()
    train_rounds(options.rounds, task.CLIENTS_PER_ROUND, processes=options.processes)


def train_rounds(
    rounds: int, cohort_size: int, dtype: torch.dtype = torch.float32, processes: int = 1
) -> torch.Tensor:
    """Train a model for so many rounds; returns its weights ``[parameters]``."""
    drawn = task.load()
    rows = np.split(np.arange(task.CLIENTS * task.EXAMPLES), task.CLIENTS)
    data = CohortData((drawn.images.flatten(0, 1).to(dtype),), drawn.labels.flatten(), rows)
    module = StackedModule(lenet(InputSpec((3, 32, 32)), task.CLASSES).to(dtype))
    model = parameters_to_vector(task.network().to(dtype).parameters()).detach()
    settings = Training(learning_rate=task.LEARNING_RATE, batch_size=task.BATCH_SIZE)
    shares = chunks([task.EXAMPLES] * cohort_size, -(-cohort_size // processes))

    def train_share(share: tuple[int, torch.Tensor, list[int]], _tick: Callable[[], None]) -> torch.Tensor:
        number, sent, clients = share
        streams = [generator(task.SEED, "benchmarks/batches", client, number) for client in clients]
        start = sent.expand(len(clients), -1)
        return train(module, start, data.only(clients), settings, streams, task.LOCAL_EPOCHS).rows

    with Workers(train_share, processes) as workers:
        for number in range(1, rounds + 1):
            cohort = sample_cohort(task.CLIENTS, cohort_size, task.SEED, number)
            tasks = [(number, model, [cohort[place] for place in share]) for share in shares]
            trained = torch.cat([models for _, models in sorted(workers.run(tasks), key=itemgetter(0))])
            model = weighted_average(trained, torch.full((len(cohort),), task.EXAMPLES))
    return model


if __name__ == "__main__":
    main()
