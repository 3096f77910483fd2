"""One module, many sets of weights: the models of a cohort, computed together.

The weights of each client lie in one row of a matrix ``[clients, parameters]``. A row is one flat tensor, so
an optimiser that is given the rows treats every client as if it were alone, and the module's parameters
are views into the matrix.
"""

from __future__ import annotations

import copy
import itertools
import math
from operator import itemgetter
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from fedexperts.errors import UserError
from fedexperts.models.text import WordEmbedding
from fedexperts.training.dropout import drawing_layers, layer_seeds, with_client_dropout
from fedexperts.training.layers import is_fast, stack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fedexperts.parameters import OptimizerSettings

UNSUPPORTED = {
    nn.modules.batchnorm._BatchNorm: "its statistics would mix the examples of a batch; use nn.GroupNorm",  # noqa: SLF001
    # Those that are left when the known ones have been replaced.
    nn.modules.dropout._DropoutNd: "it would draw from a stream that all clients share; use nn.Dropout",  # noqa: SLF001
}


class StackedModule:
    """A module that is computed for many clients at once, each with its own weights.

    Args:
        module: The architecture; its own weights are not used. It must be on the device of the data. It is
            copied; in the copy, dropout draws for each client by itself.

    Raises:
        UserError: If a layer's result would depend on who else is in the batch or the cohort.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = with_client_dropout(module).eval()
        for name, layer in self._module.named_modules():
            for kind, reason in UNSUPPORTED.items():
                if isinstance(layer, kind):
                    raise UserError(f"a model may not hold {type(layer).__name__} ({name!r}): {reason}")
        for name, value in module.named_parameters():
            if not value.requires_grad:
                raise UserError(
                    f"a model may not hold a frozen parameter ({name!r}): all of them are trained; a buffer "
                    "of nn.Module is not"
                )
        self._drawing = drawing_layers(self._module)
        self._lay_out({name: tuple(value.shape) for name, value in module.named_parameters()})
        self._forward = stack(self._module)

    def _lay_out(self, shapes: dict[str, tuple[int, ...]]) -> None:
        self._shapes = shapes
        self._sizes = [math.prod(shape) for shape in shapes.values()]

    @property
    def size(self) -> int:
        """The number of parameters of one model."""
        return sum(self._sizes)

    @property
    def fast(self) -> bool:
        """Whether the module takes the fast path; see :mod:`fedexperts.training.layers`."""
        return is_fast(self._module)

    @property
    def word_embeddings(self) -> tuple[str, ...]:
        """The names of the parameters that hold a row for each word."""
        layers = self._module.named_modules()
        return tuple(f"{name}.weight" for name, layer in layers if isinstance(layer, WordEmbedding))

    def with_words(self, words: int) -> StackedModule:
        """The same module for another number of words."""
        tables, other = self.word_embeddings, copy.copy(self)
        other._lay_out(  # noqa: SLF001 - of the same class
            {name: (words, *shape[1:]) if name in tables else shape for name, shape in self._shapes.items()}
        )
        return other

    @property
    def draws(self) -> bool:
        """Whether the module has dropout, and needs seeds in training."""
        return bool(self._drawing)

    def rows(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """Lay stacked parameters out as rows.

        Args:
            parameters: By parameter name, ``[clients, *shape of the parameter]``.

        Returns:
            A new matrix, ``[clients, parameters]``.
        """
        return torch.cat(
            [parameters[name].reshape(len(parameters[name]), -1) for name in self._shapes], dim=1
        )

    def row(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """Lay one model's parameters, by name, out as a new row, ``[parameters]``."""
        return torch.cat([parameters[name].flatten() for name in self._shapes])

    def parameters(self, rows: Tensor) -> dict[str, Tensor]:
        """Undo :meth:`rows`, by views into the matrix.

        Args:
            rows: ``[clients, parameters]``.

        Returns:
            By parameter name, ``[clients, *shape of the parameter]``.
        """
        parts = torch.split(rows, self._sizes, dim=1)
        named = zip(self._shapes.items(), parts, strict=True)
        return {name: part.reshape(len(rows), *shape) for (name, shape), part in named}

    def learning_rates(self, settings: OptimizerSettings) -> list[tuple[slice, float]]:
        """Part the columns of rows by the step size of their parameters."""
        rates = [(settings.rate_of(name), size) for name, size in zip(self._shapes, self._sizes, strict=True)]
        parts, first = [], 0
        for rate, group in itertools.groupby(rates, key=itemgetter(0)):
            last = first + sum(size for _, size in group)
            parts.append((slice(first, last), rate))
            first = last
        return parts

    def __call__(self, rows: Tensor, inputs: tuple[Tensor, ...], seeds: Tensor | None = None) -> Tensor:
        """Compute every client's model on its own batch.

        Args:
            rows: ``[clients, parameters]``.
            inputs: What the module takes, each ``[clients, batch, ...]``.
            seeds: ``[clients]``, int64: for the masks of dropout, another one for each client and step.
                Without them nothing is dropped.

        Returns:
            ``[clients, batch, ...]``.
        """
        buffers = {} if seeds is None else layer_seeds(seeds, self._drawing)
        return self._forward({**self.parameters(rows), **buffers}, inputs)
