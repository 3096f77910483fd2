"""The ways to compute a workload that are compared, and the check that all of them compute the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from benchmarks import plain
from fedexperts.federation.aggregation import weighted_average
from fedexperts.models.inputs import InputSpec
from fedexperts.models.registry import MODELS
from fedexperts.registry import resolve
from fedexperts.training.cohort import train, train_until_stopped
from fedexperts.training.data import CohortData
from fedexperts.training.stacked import StackedModule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor, nn

    from benchmarks.workloads import Workload
    from fedexperts.training.cohort import Trained

    Variant = Callable[[Workload], "Outcome"]

PLAIN = "plain"
STACKED = "stacked"
AGREEMENT = 1e-9
"""By how much trained weights may differ from the plain loop's in float64."""


@dataclass(frozen=True)
class Outcome:
    """What a variant has computed.

    Attributes:
        weights: For each client its weights, by the names that the project's architecture has.
        epochs: For each client how many epochs it trained.
    """

    weights: list[dict[str, Tensor]]
    epochs: list[int]


def run_plain(workload: Workload, *, fused: bool | None = None) -> Outcome:
    """One client after another.

    Args:
        workload: What to compute.
        fused: The optimiser's option of that name; None is how it comes.
    """
    if workload.validation:
        models, best = plain.train_until_stopped(workload, fused=fused)
    else:
        models, best = plain.train_round(workload, fused=fused), [workload.epochs] * len(workload.train)
    return Outcome([_named(model) for model in models], trained_epochs(workload, best))


def run_stacked(workload: Workload) -> Outcome:
    """All clients at once, with the project's engine."""
    module = stacked_module(workload)
    trained = train_together(module, first_row(module, workload), workload, range(len(workload.train)))
    return stacked_outcome(module, workload, trained.rows, trained.epochs.tolist())


def train_together(
    module: StackedModule, first: Tensor, workload: Workload, clients: Sequence[int]
) -> Trained:
    """Train some of a workload's clients in one stack.

    Args:
        module: The architecture.
        first: ``[parameters]``: the weights that all start from.
        workload: What to compute.
        clients: Which clients, by their positions.
    """
    start = first.expand(len(clients), -1)
    data = CohortData((workload.inputs,), workload.labels, workload.train).only(clients)
    streams = [workload.stream(client) for client in clients]
    if not workload.validation:
        return train(module, start, data, workload.training, streams, workload.epochs)
    held_out = CohortData((workload.inputs,), workload.labels, workload.validation).only(clients)
    return train_until_stopped(
        module, start, data, held_out, workload.training, streams, workload.epochs, workload.patience
    )


ANYWHERE: dict[str, Variant] = {PLAIN: run_plain, STACKED: run_stacked}
"""What runs on every device."""


def stacked_module(workload: Workload) -> StackedModule:
    """The project's own architecture for a workload, ready for many clients."""
    return StackedModule(architecture(workload, workload.classes).to(workload.labels.device, workload.dtype))


def architecture(workload: Workload, values: int) -> nn.Module:
    """The project's own architecture for a workload.

    Args:
        workload: What is computed.
        values: How many values to return for each example.
    """
    name = "lenet" if workload.vocabulary is None else "bilstm"
    spec = InputSpec(tuple(workload.inputs.shape[1:]), workload.vocabulary)
    module: nn.Module = resolve("model", name, MODELS)(spec, values)
    return module


def first_row(module: StackedModule, workload: Workload) -> Tensor:
    """The weights that all clients start from, ``[parameters]``."""
    return module.row(_named(plain.first_model(workload)))


def stacked_outcome(module: StackedModule, workload: Workload, rows: Tensor, best: list[int]) -> Outcome:
    """Put together what training in one or several stacks gave, and average the models of a round.

    Args:
        module: The architecture.
        workload: What was computed.
        rows: ``[clients, parameters]``.
        best: For each client the epoch whose weights these are.
    """
    if not workload.validation:
        weighted_average(rows, torch.tensor([len(own) for own in workload.train], device=rows.device))
    by_name = module.parameters(rows)
    weights = [{name: value[client] for name, value in by_name.items()} for client in range(len(rows))]
    return Outcome(weights, trained_epochs(workload, best))


def differences(workload: Workload, variants: Mapping[str, Variant]) -> dict[str, float]:
    """By how much the trained weights of variants differ from the plain loop's, at most, in float64.

    Args:
        workload: A small one.
        variants: Whom to compare, the plain loop among them.
    """
    workload = workload.in_double()
    outcomes = {name: compute(workload) for name, compute in variants.items()}
    return {name: _largest_difference(outcome, outcomes[PLAIN]) for name, outcome in outcomes.items()}


def _largest_difference(one: Outcome, other: Outcome) -> float:
    return max(
        float((value - theirs[name]).abs().max())
        for own, theirs in zip(one.weights, other.weights, strict=True)
        for name, value in own.items()
    )


def _named(model: nn.Module) -> dict[str, Tensor]:
    """The weights of a plain model, by the names of the project's architecture."""
    weights = {name: value.detach() for name, value in model.named_parameters()}
    if not isinstance(model, plain.TextModel):
        return weights

    def both_ways(name: str) -> Tensor:
        forwards, backwards = (weights[f"lstm.{name}_l0{way}"] for way in ("", "_reverse"))
        return torch.stack([forwards, backwards])

    return {
        "encoder.embedding.weight": weights["embedding.weight"],
        "encoder.input_weight": both_ways("weight_ih").transpose(1, 2),
        "encoder.recurrent_weight": both_ways("weight_hh").transpose(1, 2),
        "encoder.input_bias": both_ways("bias_ih"),
        "encoder.recurrent_bias": both_ways("bias_hh"),
        "output.weight": weights["output.weight"],
        "output.bias": weights["output.bias"],
    }


def trained_epochs(workload: Workload, best: list[int]) -> list[int]:
    """How many epochs clients have trained whose best weights are from the given ones."""
    if not workload.validation:
        return best
    return [min(epoch + workload.patience, workload.epochs) for epoch in best]
