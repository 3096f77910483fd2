"""How the models of a cohort become one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def weighted_average(models: Tensor, examples: Tensor) -> Tensor:
    """Average models by their number of examples, ``sum_k (n_k / n) w_k`` (McMahan et al., arXiv:1602.05629).

    Args:
        models: ``[clients, parameters]``, in the order of the clients' ids.
        examples: ``[clients]``: training examples of each.

    Returns:
        ``[parameters]``.
    """
    shares = examples.to(models.dtype) / examples.sum()
    return (shares[:, None] * models).sum(dim=0)
