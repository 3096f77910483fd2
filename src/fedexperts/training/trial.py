"""A trial of every model before any training, so that one that cannot work is found at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from fedexperts.errors import UserError
from fedexperts.training.dropout import with_client_dropout
from fedexperts.training.stacked import StackedModule

if TYPE_CHECKING:
    from torch import Tensor, nn

    from fedexperts.models.architecture import Architecture

EXAMPLES = 2


def try_models(architecture: Architecture, features: Tensor) -> None:
    """Push two examples forward and backward through each model.

    Args:
        architecture: The models.
        features: ``[examples, ...]``, on the device to train on; at least one.

    Raises:
        UserError: If a model cannot be built for the data, cannot be computed, draws random numbers by other
            means than layers of dropout, has buffers that are drawn at random, or returns something else than
            the values that are asked for; the message names the setting.
    """
    batch = features[[0] * EXAMPLES]
    again = architecture.models()
    for setting, (module, values) in architecture.models().items():
        _check_buffers(setting, module, again[setting][0])
        stacked = StackedModule(module.to(features.device))
        row = stacked.row(dict(module.named_parameters())).detach()
        seeds = torch.zeros(1, dtype=torch.int64, device=features.device)
        try:
            if _draws_by_itself(module.cpu(), batch.cpu()):
                raise UserError(
                    f"{setting} draws random numbers in training, from a stream that clients would share; "
                    "dropout has to be a layer of its own, nn.Dropout or nn.Dropout1d to nn.Dropout3d"
                )
            outputs = stacked(row.requires_grad_()[None], (batch[None],), seeds)
            torch.autograd.grad(outputs.sum(), row)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise UserError(
                f"{setting} cannot be trained on examples of the shape {list(features.shape[1:])}: {error}"
            ) from error
        if outputs.shape != (1, EXAMPLES, values):
            raise UserError(
                f"{setting} must return {values} values for each example, [{EXAMPLES}, {values}] for "
                f"{EXAMPLES} of them, but it returned {list(outputs.shape[1:])}"
            )


def _check_buffers(setting: str, module: nn.Module, again: nn.Module) -> None:
    """Refuse what would be another model each time that it is built: parameters alone are stored."""
    buffers = dict(again.named_buffers())
    for name, value in module.named_buffers():
        if not torch.equal(value, buffers[name]):
            raise UserError(
                f"{setting} has a buffer that is drawn at random, {name!r}, and would be another one in "
                "every stage; make it a parameter, or draw it from a generator with a seed of its own"
            )


def _draws_by_itself(module: nn.Module, batch: Tensor) -> bool:
    """Whether a module on the CPU draws from torch's generator in training, its layers of dropout aside."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        before = torch.get_rng_state()
        with_client_dropout(module).train()(batch)
        return not torch.equal(before, torch.get_rng_state())
