"""The two trained parts of a mixture, computed apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedexperts.personalization.mixture import gates_of
from fedexperts.personalization.outputs import MixtureParts
from fedexperts.personalization.training import compute

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from fedexperts.models.weights import ClientWeights
    from fedexperts.personalization.training import Workbench

SPECIALIST = "specialist."


class Parts:
    """The specialists and gates of all clients' mixtures.

    Args:
        bench: What to compute with.
        mixtures: The trained mixtures.
    """

    def __init__(self, bench: Workbench, mixtures: ClientWeights) -> None:
        self._specialist = bench.stacked(bench.architecture.specialist()), _specialists_of(mixtures)
        self._gate = bench.stacked(bench.architecture.gate()), gates_of(mixtures)

    def __call__(self, position: int, features: Tensor) -> MixtureParts:
        """Compute one client's parts on some examples, ``[examples, ...]``."""
        specialist, gate = (
            compute(module, parameters, position, (features,))
            for module, parameters in (self._specialist, self._gate)
        )
        return MixtureParts(specialist.log_softmax(dim=-1).cpu().numpy(), gate[:, 0].cpu().numpy())


def _specialists_of(weights: ClientWeights) -> dict[str, NDArray[np.generic]]:
    named = weights.parameters.items()
    return {name.removeprefix(SPECIALIST): value for name, value in named if name.startswith(SPECIALIST)}
