"""What dropout in the engine has to equal: SplitMix64 in Python's own integers, and one model at a time."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

WRAP = 2**64
GOLDEN = 0x9E3779B97F4A7C15


def words(seed, count):
    """The first words of a stream of SplitMix64, without a sign."""
    found, state = [], seed % WRAP
    for _ in range(count):
        state = (state + GOLDEN) % WRAP
        word = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % WRAP
        word = (word ^ (word >> 27)) * 0x94D049BB133111EB % WRAP
        found.append(word ^ (word >> 31))
    return found


def signed(word):
    return word - WRAP if word >= WRAP // 2 else word


def factors(seed, shape, p):
    """Zero, or ``1 / (1 - p)``; a word has its highest bit turned round before it is compared."""
    kept = [(word + WRAP // 2) % WRAP >= p * WRAP for word in words(seed, math.prod(shape))]
    return torch.tensor(kept).reshape(shape).double() / ((1 - p) or 1)


class Masked(nn.Module):
    """A dropout layer with the masks of one client in one step, another one for each call."""

    def __init__(self, layer, seed):
        super().__init__()
        self.p, self.whole_channels, self.seed = layer.p, type(layer) is not nn.Dropout, seed

    def forward(self, values):
        seed, self.seed = self.seed, words(self.seed - GOLDEN, 1)[0]
        if self.whole_channels:
            mask = factors(seed, values.shape[:2], self.p)
            return values * mask.reshape(*mask.shape, *[1] * (values.dim() - 2))
        return values * factors(seed, values.shape, self.p)


def with_masks(module, seed):
    """A copy of a module whose dropout layers drop what they have to for this seed of a client and step."""
    kinds = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
    layers = [layer for layer in module.modules() if isinstance(layer, kinds) and layer.p > 0]
    seeds = words(seed, len(layers))
    masked = {id(layer): Masked(layer, own) for layer, own in zip(layers, seeds, strict=True)}
    return copy.deepcopy(module, masked)
