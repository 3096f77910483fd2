"""The paper's network for images in plain torch, which is all that the other frameworks' programs share."""

from __future__ import annotations

from torch import nn


def image_model(classes: int) -> nn.Sequential:
    """The paper's network for CIFAR-10."""
    return nn.Sequential(
        nn.Conv2d(3, 6, kernel_size=5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, kernel_size=5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, classes),
    )
