"""The recurrence of an LSTM, for many of them side by side.

``nn.LSTM`` cannot be computed for stacked weights: ``torch.func.vmap`` does not reach into it. Written out in
plain operations the recurrence can, but then autograd goes through some twenty small operations for every
word, and adds the weights' gradient up word by word. Here the gradient is written by hand: what needs no
recursion is computed for all words at once, and the weights' gradient is one matrix product. That is about
five times as fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

if TYPE_CHECKING:
    from types import SimpleNamespace


def lstm_states(projected: Tensor, recurrent: Tensor) -> Tensor:
    """Run several LSTMs, each over sequences of its own, from states of zeros.

    The gates stand in the order of ``nn.LSTM``: input, forget, cell, output (equations as there).

    Args:
        projected: ``[lstms, steps, sequences, 4 * units]``: what the inputs and biases add to the gates.
        recurrent: ``[lstms, units, 4 * units]``: the recurrent weights.

    Returns:
        ``[lstms, steps, sequences, units]``: the hidden state after each step. It can be differentiated once.
    """
    states, _, _ = cast("tuple[Tensor, Tensor, Tensor]", _Recurrence.apply(projected, recurrent))
    return states


class _Recurrence(torch.autograd.Function):
    """The recurrence with its gradient. The first axis of all tensors counts the LSTMs."""

    @staticmethod
    def forward(projected: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Hidden states, gates (after their activations), and cells."""
        lstms, steps, sequences, _ = projected.shape
        units = recurrent.shape[1]
        gates = torch.empty_like(projected)
        cells = projected.new_empty(lstms, steps, sequences, units)
        states = torch.empty_like(cells)
        state = cell = projected.new_zeros(lstms, sequences, units)
        for step in range(steps):
            current = torch.baddbmm(projected[:, step], state, recurrent)
            current[..., : 2 * units].sigmoid_()
            current[..., 2 * units : 3 * units].tanh_()
            current[..., 3 * units :].sigmoid_()
            write, forget, new, read = current.chunk(4, dim=-1)
            cell = torch.addcmul(write * new, forget, cell)
            state = read * cell.tanh()
            gates[:, step], cells[:, step], states[:, step] = current, cell, state
        return states, gates, cells

    @staticmethod
    def setup_context(
        ctx: Any,  # noqa: ANN401 - torch's own type has no name for what is kept
        inputs: tuple[Tensor, Tensor],
        output: tuple[Tensor, Tensor, Tensor],
    ) -> None:
        """Keep what the gradient is made of."""
        _, gates, cells = output
        ctx.mark_non_differentiable(gates, cells)
        ctx.save_for_backward(inputs[1], *output)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, states_gradient: Tensor, *_: object) -> tuple[Tensor, Tensor]:  # noqa: ANN401 - as above
        """Go back through the steps."""
        recurrent, states, gates, cells = ctx.saved_tensors
        write, forget, new, read = gates.chunk(4, dim=-1)
        before = torch.cat([torch.zeros_like(cells[:, :1]), cells[:, :-1]], dim=1)
        squashed = cells.tanh()
        # How three gates' inputs change the cell, the fourth's the state, and the cell the state.
        by_cell = torch.stack(
            [new * write * (1 - write), before * forget * (1 - forget), write * (1 - new**2)], dim=-2
        )
        by_state = squashed * read * (1 - read)
        through = read * (1 - squashed**2)

        lstms, steps, sequences, units = states.shape
        gradient = gates.new_empty(lstms, steps, sequences, 4, units)
        flat = gradient.flatten(start_dim=3)
        state_gradient = states_gradient[:, -1]
        cell_gradient = torch.zeros_like(state_gradient)
        for step in reversed(range(steps)):
            cell_gradient = torch.addcmul(cell_gradient, state_gradient, through[:, step])
            torch.mul(by_cell[:, step], cell_gradient[:, :, None], out=gradient[:, step, :, :3])
            torch.mul(by_state[:, step], state_gradient, out=gradient[:, step, :, 3])
            if step > 0:
                earlier = states_gradient[:, step - 1]
                state_gradient = torch.baddbmm(earlier, flat[:, step], recurrent.transpose(1, 2))
                cell_gradient = cell_gradient * forget[:, step]
        # All steps of an LSTM in one product. The first step's state is zero, and adds nothing.
        earlier_states = states[:, :-1].flatten(1, 2).transpose(1, 2)
        return flat, earlier_states @ flat[:, 1:].flatten(1, 2)

    @staticmethod
    def vmap(
        info: SimpleNamespace, in_dims: tuple[int | None, int | None], projected: Tensor, recurrent: Tensor
    ) -> tuple[tuple[Tensor, Tensor, Tensor], tuple[int, int, int]]:
        """More LSTMs are more entries along the first axis."""
        models = info.batch_size
        outputs = _Recurrence.apply(
            _with_models_first(projected, in_dims[0], models).flatten(0, 1),
            _with_models_first(recurrent, in_dims[1], models).flatten(0, 1),
        )
        states, gates, cells = (output.unflatten(0, (models, -1)) for output in outputs)
        return (states, gates, cells), (0, 0, 0)


def _with_models_first(tensor: Tensor, axis: int | None, models: int) -> Tensor:
    return tensor.expand(models, *tensor.shape) if axis is None else tensor.movedim(axis, 0)
