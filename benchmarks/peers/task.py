"""The workload that all frameworks get: data, model and settings. It needs torch and numpy alone."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from benchmarks.networks import image_model

CLIENTS = 100
EXAMPLES = 100
CLIENTS_PER_ROUND = 10
LOCAL_EPOCHS = 3
BATCH_SIZE = 10
LEARNING_RATE = 1e-3
CLASSES = 10
SEED = 0


@dataclass(frozen=True)
class Data:
    """Every client's examples, in memory.

    Attributes:
        images: ``[clients, examples, 3, 32, 32]``.
        labels: ``[clients, examples]``.
    """

    images: Tensor
    labels: Tensor


@cache
def load() -> Data:
    """Draw the data; the same in every process."""
    stream = torch.Generator().manual_seed(SEED)
    images = torch.randn(CLIENTS, EXAMPLES, 3, 32, 32, generator=stream)
    return Data(images, torch.randint(CLASSES, (CLIENTS, EXAMPLES), generator=stream))


def network() -> nn.Sequential:
    """The paper's network for CIFAR-10; the same weights with every call."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(SEED)
        return image_model(CLASSES)


def rounds() -> int:
    """Read from the command line how many rounds to compute."""
    options: int = parser().parse_args().rounds
    return options


def parser() -> argparse.ArgumentParser:
    """What every program's command line has."""
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, required=True)
    return options
