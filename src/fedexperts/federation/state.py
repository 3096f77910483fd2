"""Where a federation stands after a round: all that the next one needs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Entry = dict[str, float | str]


@dataclass(frozen=True)
class State:
    """The models and the history after some rounds.

    Attributes:
        weights: ``[parameters]``: the model that the next round sends out.
        best: ``[parameters]``: the best model that was validated.
        best_loss: Its validation loss; infinite before any validation.
        history: An entry for each round.
    """

    weights: Tensor
    best: Tensor
    best_loss: float
    history: tuple[Entry, ...]

    @classmethod
    def first(cls, weights: Tensor) -> State:
        """Before any round."""
        return cls(weights, weights, float("inf"), ())

    @property
    def rounds(self) -> int:
        """How many rounds there were."""
        return len(self.history)

    def to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
        """Split into what a checkpoint holds: arrays, and text beside them."""
        arrays = {"weights": self.weights.cpu().numpy(), "best": self.best.cpu().numpy()}
        return arrays, {"best_loss": json.dumps(self.best_loss), "history": json.dumps(self.history)}

    @classmethod
    def from_arrays(
        cls, arrays: dict[str, NDArray[Any]], text: dict[str, str], device: torch.device
    ) -> State:
        """Undo :meth:`to_arrays`."""
        weights, best = (torch.tensor(arrays[name], device=device) for name in ("weights", "best"))
        return cls(weights, best, json.loads(text["best_loss"]), tuple(json.loads(text["history"])))
