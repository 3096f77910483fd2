"""A dial for trained mixtures: a number that is added to the logit of every client's gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedexperts.personalization.mixing import mix_gated, offsets

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fedexperts.personalization.outputs import Outputs

values = offsets


def predict(outputs: Outputs, value: float) -> NDArray[np.floating]:
    """The client's mixture with its gate moved; with 0 it is the mixture as it was trained.

    A mixture whose training failed is the generalist, wherever its gate is moved.
    """
    if "mixtures" in outputs.failed:
        return outputs.generalist
    parts = outputs.parts()
    return mix_gated(parts.specialist, outputs.generalist, parts.gate + value)
