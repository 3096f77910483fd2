"""How much arithmetic a workload asks for, counted from the architecture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from benchmarks import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from benchmarks.workloads import Workload

GATES = 4
WAYS = 2


def useful_flops(workload: Workload, epochs: Sequence[int]) -> float:
    """Count the floating-point operations that training cannot do without.

    Two for each multiply-add of dense layers, convolutions and LSTMs: one pass forwards, one for the
    gradient of the weights and one for that of the layer's input, which the first layer of a network on
    images does without. Everything else (activations, pooling, losses, the optimiser) and padding count
    nothing.

    Args:
        workload: What is computed.
        epochs: For each client how many epochs it trained. Validation examples are seen once more than that.
    """
    forwards, without_gradient = multiply_adds(workload)
    total = 0
    for count, own in zip(epochs, workload.train, strict=True):
        total += count * int((3 * forwards[own] - without_gradient).sum())
    for count, own in zip(epochs, workload.validation, strict=False):
        total += (count + 1) * int(forwards[own].sum())
    return 2.0 * total


def multiply_adds(workload: Workload) -> tuple[NDArray[np.int64], int]:
    """Count the multiply-adds of a pass forwards.

    Returns:
        For each example its number, and how many of them are in a first layer whose input has no gradient.
    """
    if workload.vocabulary is not None:
        words = (workload.inputs != 0).sum(dim=1).cpu().numpy()
        per_word = WAYS * (plain.EMBEDDING + plain.UNITS) * GATES * plain.UNITS
        return words * per_word + WAYS * plain.UNITS * workload.classes, 0
    by_layer = multiply_adds_by_layer(
        plain.image_model(workload.classes), torch.zeros(1, *workload.inputs.shape[1:])
    )
    return np.full(len(workload.inputs), sum(by_layer), dtype=np.int64), by_layer[0]


def multiply_adds_by_layer(model: nn.Sequential, example: Tensor) -> list[int]:
    """Count the multiply-adds of a pass forwards for one example ``[1, ...]``, layer by layer."""
    counts = []
    for layer in model:
        example = layer(example)
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            counts.append(layer.weight[0].numel() * example.numel())
    return counts
