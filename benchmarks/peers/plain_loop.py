"""Federated averaging written out in PyTorch: one client after another."""

from __future__ import annotations

import copy

import torch
from torch.nn import functional
from torch.nn.utils import parameters_to_vector

from benchmarks.peers import task
from fedexperts.federation.sampling import sample_cohort
from fedexperts.randomness import generator


def main() -> None:
    """Compute the rounds."""
    torch.set_num_threads(1)
    train_rounds(task.rounds(), task.CLIENTS_PER_ROUND)


def train_rounds(rounds: int, cohort_size: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Train a model for so many rounds; returns its weights ``[parameters]``."""
    data, model = task.load(), task.network().to(dtype)
    for number in range(1, rounds + 1):
        cohort = sample_cohort(task.CLIENTS, cohort_size, task.SEED, number)
        states = [_train_client(copy.deepcopy(model), data, client, number) for client in cohort]
        mean = {name: torch.stack([state[name] for state in states]).mean(dim=0) for name in states[0]}
        model.load_state_dict(mean)
    return parameters_to_vector(model.parameters()).detach()


def _train_client(
    model: torch.nn.Module, data: task.Data, client: int, number: int
) -> dict[str, torch.Tensor]:
    optimizer = torch.optim.Adam(model.parameters(), lr=task.LEARNING_RATE)
    stream = generator(task.SEED, "benchmarks/batches", client, number)
    images = data.images[client].to(next(model.parameters()).dtype)
    labels = data.labels[client]
    for _ in range(task.LOCAL_EPOCHS):
        for rows in torch.as_tensor(stream.permutation(task.EXAMPLES)).split(task.BATCH_SIZE):
            optimizer.zero_grad()
            functional.cross_entropy(model(images[rows]), labels[rows]).backward()
            optimizer.step()
    return model.state_dict()


if __name__ == "__main__":
    main()
