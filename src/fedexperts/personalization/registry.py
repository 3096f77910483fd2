"""The personal models that clients train, and the methods that predict with them.

A *kind of model* is a module with the functions of :class:`fedexperts.personalization.training.Kind`; its
name is also the name of its file. A *method* is a function of what the models say
(:class:`fedexperts.personalization.outputs.Method`), with the kinds it needs.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MethodEntry:
    """A method, before it is imported.

    Attributes:
        path: The import path of its function.
        needs: The kinds of models it predicts with, besides the generalist.
    """

    path: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class KindEntry:
    """A kind of personal model, before it is imported.

    Attributes:
        path: The import path of its module.
        pipeline: The pipeline that trains it.
    """

    path: str
    pipeline: str


KINDS: dict[str, KindEntry] = {
    "locals": KindEntry("fedexperts.personalization.local", "specialist_training"),
    "specialists": KindEntry("fedexperts.personalization.finetuning", "specialist_training"),
    "mixtures": KindEntry("fedexperts.personalization.mixture", "gate_training"),
}

METHODS: dict[str, MethodEntry] = {
    "fedavg": MethodEntry("fedexperts.personalization.experts:generalist"),
    "local": MethodEntry("fedexperts.personalization.experts:local", ("locals",)),
    "finetuned": MethodEntry("fedexperts.personalization.experts:finetuned", ("specialists",)),
    "mixture": MethodEntry("fedexperts.personalization.experts:mixture", ("mixtures",)),
    "average": MethodEntry("fedexperts.personalization.controls:average", ("specialists",)),
    "constant": MethodEntry("fedexperts.personalization.controls:constant", ("specialists",)),
    "oracle": MethodEntry("fedexperts.personalization.controls:oracle", ("specialists",)),
}


GENERALIST = "fedavg"
"""The method that all others are compared with, and that is therefore always evaluated."""


def chosen_methods(methods: tuple[str, ...]) -> tuple[str, ...]:
    """The methods to evaluate, each once, the generalist first."""
    return tuple(dict.fromkeys((GENERALIST, *methods)))


def needed_kinds(methods: tuple[str, ...]) -> set[str]:
    """The kinds of models that the given methods predict with."""
    return {kind for name in methods for kind in METHODS[name].needs}
