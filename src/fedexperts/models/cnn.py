"""Convolutional networks."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from fedexperts.models.inputs import InputSpec


def lenet(inputs: InputSpec, outputs: int) -> nn.Module:
    """The paper's network for images: two 5x5 convolutions and three dense layers.

    62,006 parameters for CIFAR-10 and 44,426 for Fashion-MNIST with ten outputs (arXiv:2010.02056,
    section 4). Each ReLU follows its pooling, which gives the same values as the other order and touches
    fewer.

    Args:
        inputs: Images, ``(channels, height, width)``; both sides at least 16 pixels.
        outputs: Values returned for each image, without an activation.

    Raises:
        UserError: If the inputs are no images, or too small for the two convolutions.
    """
    channels, height, width = inputs.image_shape("lenet", smallest=16)
    sides = (((height - 4) // 2 - 4) // 2, ((width - 4) // 2 - 4) // 2)
    return nn.Sequential(
        nn.Conv2d(channels, 6, kernel_size=5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(6, 16, kernel_size=5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * prod(sides), 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, outputs),
    )


def small_cnn(inputs: InputSpec, outputs: int) -> nn.Module:
    """A network for images of eight pixels or more: two padded 3x3 convolutions and two dense layers.

    Args:
        inputs: Images, ``(channels, height, width)``; both sides at least 4 pixels.
        outputs: Values returned for each image, without an activation.

    Raises:
        UserError: If the inputs are no images, or too small to be pooled twice.
    """
    channels, height, width = inputs.image_shape("small_cnn", smallest=4)
    return nn.Sequential(
        nn.Conv2d(channels, 8, kernel_size=3, padding=1),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(8, 16, kernel_size=3, padding=1),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * (height // 4) * (width // 4), 32),
        nn.ReLU(),
        nn.Linear(32, outputs),
    )
