"""Dropout whose masks belong to the client: the same whoever else is computed beside it.

torch draws masks from one stream, in which every draw moves all later ones. Here a mask is a function of a
seed and of the places of the elements, by SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom
number generators", 2014), whose n-th word can be computed by itself. The words of a client's seed for an
epoch are its seeds for the steps; the words of such a seed are those of the dropout layers; and their words
decide about the elements. Integers wrap in the same way everywhere: every device gives the same masks.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

DIMENSIONS = {nn.Dropout: None, nn.Dropout1d: (3,), nn.Dropout2d: (3, 4), nn.Dropout3d: (5,)}
"""The layers that are known. Those with dimensions drop whole channels, of activations of so many."""

# SplitMix64's constants, as signed integers.
GOLDEN = 0x9E3779B97F4A7C15 - 2**64
FIRST = 0xBF58476D1CE4E5B9 - 2**64
SECOND = 0x94D049BB133111EB - 2**64


def step_seed(base: Tensor, step: int) -> Tensor:
    """Derive the clients' seeds for one step.

    Args:
        base: ``[clients]``, int64: a seed of each client's own for the epoch.
        step: How many batches of the epoch came before.

    Returns:
        ``[clients]``, int64.
    """
    return _word(base, torch.full_like(base, step + 1))


def layer_seeds(seeds: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """Derive the seeds of a module's dropout layers.

    Args:
        seeds: ``[clients]``, int64: the seeds for the step.
        layers: The names of the layers that draw.

    Returns:
        By the name of the layer's buffer, ``[clients]``.
    """
    own = _words(seeds, len(layers)).unbind(dim=-1)
    return {f"{name}.seed": seed for name, seed in zip(layers, own, strict=True)}


class ClientDropout(nn.Module):
    """Stands in for a dropout layer of torch; without a seed it changes nothing.

    The seed is a buffer. For each client it is put in from outside, by ``torch.func.functional_call``.

    Args:
        layer: The dropout layer.
    """

    seed: Tensor | None

    def __init__(self, layer: nn.modules.dropout._DropoutNd) -> None:
        super().__init__()
        self.p = layer.p
        self.inplace = layer.inplace
        self._kind = type(layer)
        self.register_buffer("seed", None, persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Drop elements or channels of one client's ``[batch, ...]``."""
        if self.seed is None:
            return values
        factors = self.factors(self.seed, values.shape, values.dtype)
        # A layer that is called twice in one step must not drop the same elements again.
        self.seed = _word(self.seed, torch.zeros_like(self.seed))
        return values.mul_(factors) if self.inplace else values * factors

    def factors(self, seeds: Tensor, shape: torch.Size, dtype: torch.dtype) -> Tensor:
        """What to multiply with: zero where an element is dropped, ``1 / (1 - p)`` where it is kept.

        Args:
            seeds: ``[...]``, int64: this layer's seeds, of any number of clients.
            shape: The activations of one client, ``[batch, ...]``. More examples behind change nothing for
                those in front.
            dtype: Of the activations.

        Returns:
            ``[..., *shape]``, with ones for the dimensions that are dropped together.

        Raises:
            ValueError: If the layer drops channels, and this shape has none.
        """
        dimensions = DIMENSIONS[self._kind]
        if dimensions is not None:
            if len(shape) not in dimensions:
                raise ValueError(
                    f"{self._kind.__name__} drops channels, of [batch, channels, ...] with "
                    f"{' or '.join(map(str, dimensions))} dimensions, but it was given {list(shape)}"
                )
            shape = torch.Size([*shape[:2], *[1] * (len(shape) - 2)])
        # Words are uniform over the signed integers.
        least_kept = min(int(self.p * 2**64) - 2**63, 2**63 - 1)
        kept = (_words(seeds, shape.numel()) >= least_kept).reshape(*seeds.shape, *shape)
        return kept.to(dtype).mul_(0.0 if self.p == 1 else 1 / (1 - self.p))


def with_client_dropout(module: nn.Module) -> nn.Module:
    """Copy a module, with its dropout layers replaced wherever they stand.

    Only torch's own layers are: what a subclass does is not known. A layer that drops nothing becomes the
    identity.

    Args:
        module: Left as it is.
    """
    replaced = {
        id(layer): nn.Identity() if layer.p == 0 else ClientDropout(layer)
        for layer in module.modules()
        if isinstance(layer, nn.modules.dropout._DropoutNd) and type(layer) in DIMENSIONS  # noqa: SLF001
    }
    return copy.deepcopy(module, replaced)


def drawing_layers(module: nn.Module) -> list[str]:
    """The names of the layers of a module that draw, each once."""
    return [name for name, layer in module.named_modules() if isinstance(layer, ClientDropout)]


def _words(seeds: Tensor, count: int) -> Tensor:
    """The first words of each seed's stream, from ``[...]`` to ``[..., count]``."""
    return _word(seeds.unsqueeze(-1), torch.arange(1, count + 1, device=seeds.device))


def _word(seeds: Tensor, numbers: Tensor) -> Tensor:
    """The words with these numbers, of SplitMix64 streams that start at these seeds."""
    word = seeds + numbers * GOLDEN
    word = _fold(word, 30).mul_(FIRST)
    word = _fold(word, 27).mul_(SECOND)
    return _fold(word, 31)


def _fold(word: Tensor, bits: int) -> Tensor:
    # torch shifts signed integers, and fills in copies of the sign: the mask takes them away.
    return word.bitwise_xor_((word >> bits).bitwise_and_(2 ** (64 - bits) - 1))
