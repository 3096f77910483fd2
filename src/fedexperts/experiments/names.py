"""How environments, settings and values are called in tables and figures."""

from __future__ import annotations

import math

ENVIRONMENTS = {
    "base": "Digits",
    "cifar10": "CIFAR-10",
    "cifar10_jpg": "CIFAR-10 (JPEG)",
    "cifar100": "CIFAR-100",
    "fashion_mnist": "Fashion-MNIST",
    "mnist": "MNIST",
    "ag_news": "AG News",
}
SETTINGS = {
    "partition.majority_fraction": "p",
    "partition.alpha": "alpha",
    "partition.opt_out": "q",
    "federation.learning_rate": "learning rate",
}
LONG = {
    "partition.majority_fraction": "Share of the majority classes, p",
    "partition.alpha": "Concentration of the Dirichlet distribution, alpha",
    "partition.opt_out": "Share of clients that opt out, q",
    "federation.learning_rate": "Learning rate of FedAvg",
}


def name_of(setting: str) -> str:
    """Call a setting, or the environment, by its name in the paper, else by the last part of its own."""
    return SETTINGS.get(setting, setting.rpartition(".")[2].replace("_", " "))


def value_of(setting: str, value: object) -> str:
    """Write one value of a setting."""
    if setting == "environment":
        return ENVIRONMENTS.get(str(value), str(value))
    if isinstance(value, float):
        return "default" if math.isnan(value) else f"{value:g}"
    return str(value)


def setting_of(setting: str, value: object) -> str:
    """Write a setting with its value; an environment needs no more than its name."""
    written = value_of(setting, value)
    return written if setting == "environment" else f"{name_of(setting)} = {written}"
