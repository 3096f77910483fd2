"""Trained weights at rest: numpy arrays with the lineage that says what they were trained on.

Nothing here needs torch, so that weights can be stored, opened and compared without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

CLIENT_IDS = "client_ids"
FAILED = -1


@dataclass(frozen=True)
class GeneralistWeights:
    """The federated model ``w_g``.

    Attributes:
        parameters: The model's state by parameter name.
        lineage: What it was trained on, as ``{"opt_in": fingerprint}``; see :mod:`fedexperts.provenance`.
    """

    parameters: dict[str, NDArray[np.generic]]
    lineage: dict[str, str]

    def to_arrays(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]:
        """Split into what a safetensors file holds: arrays, and text beside them."""
        return dict(self.parameters), dict(self.lineage)

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[np.generic]], metadata: Mapping[str, str]
    ) -> GeneralistWeights:
        """Undo :meth:`to_arrays`."""
        return cls(dict(arrays), dict(metadata))


@dataclass(frozen=True)
class ClientWeights:
    """One model for each of several clients, stacked parameter by parameter.

    Attributes:
        client_ids: ``[clients]``, int64: whose model stands at each position.
        parameters: By parameter name, ``[clients, *shape of the parameter]``.
        lineage: What they were trained on, as ``{"partition": ..., "generalist": ...}``.
        epochs: ``[clients]``, int64: the epoch whose weights were kept; 0 is the starting point, and
            :data:`FAILED` stands where training failed, so that the client keeps the generalist.
    """

    client_ids: NDArray[np.int64]
    parameters: dict[str, NDArray[np.generic]]
    lineage: dict[str, str]
    epochs: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.client_ids)

    @property
    def failed(self) -> frozenset[int]:
        """The clients whose training failed."""
        return frozenset(self.client_ids[self.epochs == FAILED].tolist())

    @classmethod
    def none(cls) -> ClientWeights:
        """The models of nobody: what stands for a kind of model that is not needed."""
        nobody = np.empty(0, dtype=np.int64)
        return cls(client_ids=nobody, parameters={}, lineage={}, epochs=nobody)

    def to_arrays(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]:
        """Split into what a safetensors file holds: arrays, and text beside them."""
        arrays = {CLIENT_IDS: self.client_ids, "epochs": self.epochs, **self.parameters}
        return arrays, dict(self.lineage)

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[np.generic]], metadata: Mapping[str, str]
    ) -> ClientWeights:
        """Undo :meth:`to_arrays`."""
        parameters = dict(arrays)
        client_ids = parameters.pop(CLIENT_IDS).astype(np.int64, copy=False)
        epochs = parameters.pop("epochs").astype(np.int64, copy=False)
        return cls(client_ids, parameters, dict(metadata), epochs)
