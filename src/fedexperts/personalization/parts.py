"""The two trained parts of a mixture, computed apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedexperts.models.mixture import GATE, SPECIALIST, below
from fedexperts.personalization.outputs import MixtureParts
from fedexperts.personalization.training import compute

if TYPE_CHECKING:
    from torch import Tensor

    from fedexperts.models.weights import ClientWeights
    from fedexperts.personalization.training import Workbench


class Parts:
    """The specialists and gates of all clients' mixtures.

    Args:
        bench: What to compute with.
        mixtures: The trained mixtures.
    """

    def __init__(self, bench: Workbench, mixtures: ClientWeights) -> None:
        specialist, gate = bench.architecture.specialist(), bench.architecture.gate()
        self._specialist = bench.stacked(specialist), below(SPECIALIST, mixtures.parameters)
        self._gate = bench.stacked(gate), below(GATE, mixtures.parameters)

    def __call__(self, position: int, features: Tensor) -> MixtureParts:
        """Compute one client's parts on some examples, ``[examples, ...]``."""
        specialist, gate = (
            compute(module, parameters, position, (features,))
            for module, parameters in (self._specialist, self._gate)
        )
        return MixtureParts(specialist.log_softmax(dim=-1).cpu().numpy(), gate[:, 0].cpu().numpy())
