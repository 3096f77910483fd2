"""Early stopping for many clients at once, with copies of the best weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class EarlyStopping:
    """The best weights each client has had so far, and how long ago that was.

    Args:
        rows: ``[clients, parameters]``: the weights at the starting point, epoch 0.
        losses: ``[clients]``: the validation losses there; any number is better than none.
        patience: A client stops after so many epochs without a lower loss.

    Attributes:
        rows: ``[clients, parameters]``: a copy of the best weights of each client.
        losses: ``[clients]``: their validation losses.
        epochs: ``[clients]``, int64 on the CPU: the epochs they are from.
        failed: ``[clients]``, bool on the CPU: whose loss was finite in no epoch of training.
    """

    def __init__(self, rows: Tensor, losses: Tensor, patience: int) -> None:
        self.rows = rows.clone()
        self.losses = losses.nan_to_num(nan=math.inf, posinf=math.inf)
        self.epochs = torch.zeros(len(rows), dtype=torch.int64)
        self.failed = torch.ones(len(rows), dtype=torch.bool)
        self._patience = patience

    def update(self, live: Sequence[int], epoch: int, rows: Tensor, losses: Tensor) -> list[int]:
        """Take in one epoch.

        Args:
            live: The clients that trained in it, by their position at the start.
            epoch: Which epoch it was, from 1.
            rows: ``[live clients, parameters]``: their weights now.
            losses: ``[live clients]``: their validation losses now.

        Returns:
            The positions within ``live`` of the clients that go on.
        """
        which = torch.as_tensor(live, device=rows.device)
        better = losses < self.losses[which]
        improved = which[better]
        self.rows[improved] = rows[better]
        self.losses[improved] = losses[better]
        self.epochs[improved.cpu()] = epoch
        self.failed[which[losses.isfinite()].cpu()] = False
        waited = epoch - self.epochs[which.cpu()]
        return torch.nonzero(waited < self._patience).flatten().tolist()
