"""What every method predicts for every client, on its own test set and on the one that all share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedexperts.personalization.panel import Panel
from fedexperts.personalization.registry import KINDS, METHODS, chosen_methods, needed_kinds
from fedexperts.registry import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from fedexperts.models.weights import ClientWeights
    from fedexperts.parameters import PersonalizationSettings
    from fedexperts.personalization.data import PersonalData
    from fedexperts.personalization.outputs import Dial, Method, Outputs
    from fedexperts.personalization.training import Kind, Workbench


@dataclass(frozen=True, eq=False)
class Consultation:
    """What one client's models say of all examples that methods are chosen or tested with.

    Attributes:
        position: The client's position in the data.
        calibrated: Whether the generalist among the models is the calibrated one.
        validation: What they say of the client's validation examples.
        tests: Of the ``"local"`` and the ``"global"`` test set.
    """

    position: int
    calibrated: bool
    validation: Outputs
    tests: dict[str, Outputs]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What one method predicts for one client on one test set.

    Attributes:
        position: The client's position in the data.
        method: The method's name.
        calibrated: Whether it asked the calibrated generalist.
        test_set: ``"local"`` or ``"global"``.
        log_probs: ``[examples, classes]``.
        labels: ``[examples]``.
        dial: Where the method's dial stands; None where the method itself has chosen, or has no dial.
    """

    position: int
    method: str
    calibrated: bool
    test_set: str
    log_probs: NDArray[np.floating]
    labels: NDArray[np.int64]
    dial: float | None = None


def load_kind(name: str) -> Kind:
    """Import a kind of model by its name."""
    kind: Kind = resolve("kind of model", name, {kind: entry.path for kind, entry in KINDS.items()})
    return kind


def load_method(name: str) -> Method:
    """Import a method by its name."""
    method: Method = resolve("method", name, {method: entry.path for method, entry in METHODS.items()})
    return method


def load_dials(methods: tuple[str, ...]) -> dict[str, Dial]:
    """Import the dials of those methods that have one."""
    paths = {name: path for name in methods if (path := METHODS[name].dial)}
    return {name: resolve("dial", name, paths) for name in paths}


def consult(
    bench: Workbench,
    data: PersonalData,
    models: Mapping[str, ClientWeights],
    methods: tuple[str, ...],
    bias: NDArray[np.floating] | None = None,
) -> Iterator[Consultation]:
    """Ask every client's models about its examples.

    Args:
        bench: What to compute with.
        data: The clients' data.
        models: The trained models by kind.
        methods: The methods that will want to know.
        bias: ``[classes]``: what the generalist is calibrated by, if it is.

    Yields:
        Client by client, first with the plain generalist and then, given a bias, with the calibrated one.
    """
    kinds = {name: load_kind(name) for name in sorted(needed_kinds(methods))}
    panel = Panel(bench, data, models, kinds, bias)
    for position in range(len(data.client_ids)):
        splits = (data.validation[position], data.local_test[position], data.global_test)
        asked = zip(*(panel.outputs(position, rows) for rows in splits), strict=True)
        for calibrated, (validation, local, common) in zip((False, True), asked, strict=False):
            yield Consultation(position, calibrated, validation, {"local": local, "global": common})


def predict(client: Consultation, settings: PersonalizationSettings) -> Iterator[Prediction]:
    """Let every chosen method predict; all of them see the very same examples.

    A method that does not ask the generalist is left out where that is the calibrated one.
    """
    methods = {name: load_method(name) for name in _methods_of(client, settings)}
    for test_set, test in client.tests.items():
        for name, method in methods.items():
            log_probs = method(test, client.validation, settings)
            yield Prediction(client.position, name, client.calibrated, test_set, log_probs, test.labels)


def move_dials(client: Consultation, settings: PersonalizationSettings) -> Iterator[Prediction]:
    """Let every chosen method that has a dial predict with each of the dial's values."""
    dials = load_dials(_methods_of(client, settings))
    for test_set, test in client.tests.items():
        for name, dial in dials.items():
            for value in dial.values(settings).tolist():
                log_probs = dial.predict(test, value)
                yield Prediction(
                    client.position, name, client.calibrated, test_set, log_probs, test.labels, value
                )


def _methods_of(client: Consultation, settings: PersonalizationSettings) -> tuple[str, ...]:
    chosen = chosen_methods(settings.methods)
    return tuple(name for name in chosen if METHODS[name].asks_generalist or not client.calibrated)
