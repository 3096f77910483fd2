"""What every method predicts for every client, on its own test set and on the one that all share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedexperts.personalization.outputs import Method, Outputs
from fedexperts.personalization.registry import KINDS, METHODS, chosen_methods, needed_kinds
from fedexperts.personalization.training import compute
from fedexperts.registry import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from fedexperts.models.weights import ClientWeights
    from fedexperts.parameters import PersonalizationSettings
    from fedexperts.personalization.data import PersonalData
    from fedexperts.personalization.training import Kind, Workbench


@dataclass(frozen=True, eq=False)
class Prediction:
    """What one method predicts for one client on one test set.

    Attributes:
        position: The client's position in the data.
        method: The method's name.
        test_set: ``"local"`` or ``"global"``.
        log_probs: ``[examples, classes]``.
        labels: ``[examples]``.
    """

    position: int
    method: str
    test_set: str
    log_probs: NDArray[np.floating]
    labels: NDArray[np.int64]


def load_kind(name: str) -> Kind:
    """Import a kind of model by its name."""
    kind: Kind = resolve("kind of model", name, {kind: entry.path for kind, entry in KINDS.items()})
    return kind


def load_method(name: str) -> Method:
    """Import a method by its name."""
    method: Method = resolve("method", name, {method: entry.path for method, entry in METHODS.items()})
    return method


def predict_all(
    bench: Workbench,
    data: PersonalData,
    models: Mapping[str, ClientWeights],
    settings: PersonalizationSettings,
) -> Iterator[Prediction]:
    """Let every chosen method predict for every client.

    Args:
        bench: What to compute with.
        data: The clients' data.
        models: The trained models by kind.
        settings: The settings of personalisation.

    Yields:
        The predictions, client by client; all methods see the very same examples.
    """
    names = chosen_methods(settings.methods)
    methods = {name: load_method(name) for name in names}
    kinds = {name: load_kind(name) for name in sorted(needed_kinds(names))}
    modules = {name: bench.stacked(kind.module(bench.architecture)) for name, kind in kinds.items()}

    def predict(name: str, position: int, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        inputs = kinds[name].inputs(bench.features[rows], bench.generalist_log_probs[rows])
        predicted = compute(modules[name], models[name].parameters, position, inputs)
        log_probs: NDArray[np.floating] = predicted.log_softmax(dim=-1).cpu().numpy()
        return log_probs

    def outputs(position: int, rows: NDArray[np.int64]) -> Outputs:
        return Outputs(
            labels=data.labels[rows],
            generalist=bench.generalist_log_probs[rows].cpu().numpy(),
            personal={name: predict(name, position, rows) for name in kinds},
        )

    for position in range(len(data.client_ids)):
        validation = outputs(position, data.validation[position])
        tests = {"local": data.local_test[position], "global": data.global_test}
        for test_set, rows in tests.items():
            test = outputs(position, rows)
            for name, method in methods.items():
                log_probs = method(test, validation, settings)
                yield Prediction(position, name, test_set, log_probs, test.labels)
