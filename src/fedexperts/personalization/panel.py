"""The models that are asked for predictions: the generalist, plain and calibrated, and every client's own."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from fedexperts.personalization.calibration import calibrate
from fedexperts.personalization.data import class_proportions
from fedexperts.personalization.outputs import Outputs
from fedexperts.personalization.parts import Parts
from fedexperts.personalization.training import compute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from fedexperts.models.weights import ClientWeights
    from fedexperts.personalization.data import PersonalData
    from fedexperts.personalization.training import Kind, Workbench


class Panel:
    """Models that can be asked about any examples.

    Args:
        bench: What to compute with.
        data: The clients' data.
        models: The trained models by kind.
        kinds: The kinds that are asked.
        bias: ``[classes]``: what the generalist is calibrated by; None to ask the plain one only.
    """

    def __init__(
        self,
        bench: Workbench,
        data: PersonalData,
        models: Mapping[str, ClientWeights],
        kinds: Mapping[str, Kind],
        bias: NDArray[np.floating] | None,
    ) -> None:
        self._bench, self._data, self._models, self._kinds, self._bias = bench, data, models, kinds, bias
        self._modules = {name: bench.stacked(kind.module(bench.architecture)) for name, kind in kinds.items()}

    def outputs(self, position: int, rows: NDArray[np.int64]) -> tuple[Outputs, ...]:
        """Ask one client's models about some examples.

        Args:
            position: The client's position in the data.
            rows: The examples.

        Returns:
            What they say beside the plain generalist and, where there is one, beside the calibrated.
        """
        features, heard = self._bench.features[rows], self._bench.generalist_log_probs[rows]
        plain = Outputs(
            labels=self._data.labels[rows],
            generalist=heard.cpu().numpy(),
            personal={name: self._say(name, position, features, heard) for name in self._kinds},
            prior=class_proportions(self._data, position),
            parts=cache(lambda: self._parts(position, features)),
            interpolated=cache(partial(self._interpolated, position, features)),
            failed=frozenset(name for name in self._kinds if self._has_failed(name, position)),
        )
        return (plain,) if self._bias is None else (plain, self._calibrated(plain, position, features, heard))

    def _calibrated(self, plain: Outputs, position: int, features: Tensor, heard: Tensor) -> Outputs:
        bias = np.asarray(self._bias)
        generalist = calibrate(plain.generalist, bias)
        heard_now = torch.as_tensor(generalist, device=heard.device)
        personal = {
            # a model that is shown the features alone says the same again, if it speaks for itself
            name: plain.personal[name]
            if name not in plain.failed and all(part is features for part in kind.inputs(features, heard))
            else self._say(name, position, features, heard_now)
            for name, kind in self._kinds.items()
        }

        def interpolated(weight: float) -> NDArray[np.floating]:
            # the bias is part of the generalist's weights, and fades as they do, if there is another end
            share = 1.0 if "specialists" in plain.failed else 1.0 - weight
            return calibrate(plain.interpolated(weight), share * bias)

        return replace(plain, generalist=generalist, personal=personal, interpolated=interpolated)

    def _say(self, kind: str, position: int, features: Tensor, heard: Tensor) -> NDArray[np.floating]:
        if self._has_failed(kind, position):
            return np.asarray(heard.cpu().numpy())
        inputs = self._kinds[kind].inputs(features, heard)
        predicted = compute(self._modules[kind], self._models[kind].parameters, position, inputs)
        return _log_probs(predicted)

    def _has_failed(self, kind: str, position: int) -> bool:
        return self._data.client_ids[position] in self._models[kind].failed

    @cached_property
    def _parts(self) -> Parts:
        return Parts(self._bench, self._models["mixtures"])

    def _interpolated(self, position: int, features: Tensor, weight: float) -> NDArray[np.floating]:
        own = self._models["specialists"].parameters
        between = {
            name: (1.0 - weight) * value.cpu().numpy() + weight * own[name][position]
            for name, value in self._bench.generalist.items()
        }
        stacked = {name: value[None] for name, value in between.items()}
        return _log_probs(compute(self._modules["specialists"], stacked, 0, (features,)))


def _log_probs(logits: Tensor) -> NDArray[np.floating]:
    log_probs: NDArray[np.floating] = logits.log_softmax(dim=-1).cpu().numpy()
    return log_probs
