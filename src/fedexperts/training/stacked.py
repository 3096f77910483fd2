"""One module, many sets of weights: the models of a cohort, computed together.

The weights of each client lie in one row of a matrix ``[clients, parameters]``. A row is one flat tensor, so
an optimiser that is given the rows treats every client as if it were alone, and the module's parameters
are views into the matrix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from fedexperts.errors import UserError
from fedexperts.training.layers import stack

if TYPE_CHECKING:
    from collections.abc import Mapping

UNSUPPORTED = {
    nn.modules.batchnorm._BatchNorm: "its statistics would mix the examples of a batch; use nn.GroupNorm",  # noqa: SLF001
    nn.modules.dropout._DropoutNd: "it would draw from a random stream that all clients share",  # noqa: SLF001
}


class StackedModule:
    """A module that is computed for many clients at once, each with its own weights.

    Args:
        module: The architecture; its own weights are not used. It must be on the device of the data.

    Raises:
        UserError: If a layer's result would depend on who else is in the batch or the cohort.
    """

    def __init__(self, module: nn.Module) -> None:
        for name, layer in module.named_modules():
            for kind, reason in UNSUPPORTED.items():
                if isinstance(layer, kind):
                    raise UserError(f"a model may not hold {type(layer).__name__} ({name!r}): {reason}")
        self._module = module.eval()
        self._shapes = {name: value.shape for name, value in module.named_parameters()}
        self._sizes = [shape.numel() for shape in self._shapes.values()]
        self._forward = stack(self._module)

    @property
    def size(self) -> int:
        """The number of parameters of one model."""
        return sum(self._sizes)

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

    def __call__(self, rows: Tensor, inputs: tuple[Tensor, ...]) -> Tensor:
        """Compute every client's model on its own batch.

        Args:
            rows: ``[clients, parameters]``.
            inputs: What the module takes, each ``[clients, batch, ...]``.

        Returns:
            ``[clients, batch, ...]``.
        """
        return self._forward(self.parameters(rows), inputs)
