"""The personal models that clients train, and the methods that predict with them.

A *kind of model* is a module with the functions of :class:`fedexperts.personalization.training.Kind`; its
name is also the name of its file. A *method* is a function of what the models say
(:class:`fedexperts.personalization.outputs.Method`), with the kinds it needs. A *dial* is a module with the
functions of :class:`fedexperts.personalization.outputs.Dial`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MethodEntry:
    """A method, before it is imported.

    Attributes:
        path: The import path of its function.
        needs: The kinds of models it predicts with, besides the generalist.
        dial: The import path of the dial that moves it from the generalist towards the client, if it has one.
        asks_generalist: Whether it is another method with a calibrated generalist.
    """

    path: str
    needs: tuple[str, ...] = ()
    dial: str | None = None
    asks_generalist: bool = True


@dataclass(frozen=True)
class KindEntry:
    """A kind of personal model, before it is imported.

    Attributes:
        path: The import path of its module.
        pipeline: The pipeline that trains it.
        made_of: What its models depend on: keys of their lineage. A change of anything else lets them stand.
    """

    path: str
    pipeline: str
    made_of: tuple[str, ...]


@dataclass(frozen=True)
class SourceEntry:
    """A source of inputs without content, before it is imported.

    Attributes:
        path: The import path of its function, with the signature of
            :func:`fedexperts.personalization.content_free.lowfreq`.
        of_texts: Whether it makes texts; else it makes numbers.
    """

    path: str
    of_texts: bool


_LOCAL = ("partition", "generalist", "expert")  # the generalist stands in where training fails
_SPECIALIST = (*_LOCAL, "specialist")

KINDS: dict[str, KindEntry] = {
    "locals": KindEntry("fedexperts.personalization.local", "specialist_training", _LOCAL),
    "specialists": KindEntry("fedexperts.personalization.finetuning", "specialist_training", _SPECIALIST),
    "mixtures": KindEntry("fedexperts.personalization.mixture", "gate_training", (*_SPECIALIST, "gate")),
}

_PACKAGE = "fedexperts.personalization"
METHODS: dict[str, MethodEntry] = {
    "fedavg": MethodEntry(f"{_PACKAGE}.experts:generalist"),
    "local": MethodEntry(f"{_PACKAGE}.experts:local", ("locals",), asks_generalist=False),
    "finetuned": MethodEntry(f"{_PACKAGE}.experts:finetuned", ("specialists",), asks_generalist=False),
    "mixture": MethodEntry(f"{_PACKAGE}.experts:mixture", ("mixtures",), f"{_PACKAGE}.trained_gate"),
    "density_ratio": MethodEntry(
        f"{_PACKAGE}.density_ratio:density_ratio", ("specialists",), f"{_PACKAGE}.density_ratio"
    ),
    "prior_shift": MethodEntry(f"{_PACKAGE}.prior_shift:prior_shift", (), f"{_PACKAGE}.prior_shift"),
    "wise_ft": MethodEntry(f"{_PACKAGE}.wise_ft:wise_ft", ("specialists",), f"{_PACKAGE}.wise_ft"),
    "average": MethodEntry(f"{_PACKAGE}.controls:average", ("specialists",)),
    "constant": MethodEntry(f"{_PACKAGE}.constant:constant", ("specialists",), f"{_PACKAGE}.constant"),
    "oracle": MethodEntry(f"{_PACKAGE}.controls:oracle", ("specialists",)),
}

CONTENT_FREE: dict[str, SourceEntry] = {
    "lowfreq": SourceEntry(f"{_PACKAGE}.content_free:lowfreq", of_texts=False),
    "random_tokens": SourceEntry(f"{_PACKAGE}.content_free:random_tokens", of_texts=True),
    "zipf_tokens": SourceEntry(f"{_PACKAGE}.content_free:zipf_tokens", of_texts=True),
}

NO_CALIBRATION, AUTO = "none", "auto"
CALIBRATIONS: dict[str, SourceEntry | None] = {NO_CALIBRATION: None, AUTO: None, **CONTENT_FREE}
"""What the generalist can be calibrated with; ``auto`` takes the first source that suits the data."""


GENERALIST = "fedavg"
"""The method that all others are compared with, and that is therefore always evaluated."""


def chosen_methods(methods: tuple[str, ...]) -> tuple[str, ...]:
    """The methods to evaluate, each once, the generalist first."""
    return tuple(dict.fromkeys((GENERALIST, *methods)))


def needed_kinds(methods: tuple[str, ...]) -> set[str]:
    """The kinds of models that the given methods predict with."""
    return {kind for name in methods for kind in METHODS[name].needs}
