"""The calibrated generalist: its leaning towards some classes taken off, as seen on inputs without content.

A federated model leans towards the classes of the clients that it was last trained on. What it says of inputs
that show nothing gives the leaning away, so a server can estimate it once, without anybody's data:

    b = log(mean softmax of G over content-free inputs), centred
    G' = G with b taken off its logits

(after "contextual calibration", Zhao et al., arXiv:2102.09690, which divides a language model's probabilities
by those it gives to a text without content). Taking b off the logits is taking it off the last layer's bias.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import log_softmax, logsumexp

from fedexperts.personalization.registry import AUTO, CONTENT_FREE, NO_CALIBRATION
from fedexperts.randomness import generator
from fedexperts.registry import resolve
from fedexperts.training.cohort import outputs
from fedexperts.training.stacked import StackedModule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from fedexperts.models.architecture import Architecture
    from fedexperts.parameters import PersonalizationSettings

COUNT = 1000


def estimate_bias(
    architecture: Architecture, generalist: Mapping[str, Tensor], settings: PersonalizationSettings, seed: int
) -> NDArray[np.floating] | None:
    """Estimate how far the generalist leans towards each class.

    Args:
        architecture: What the generalist is built like.
        generalist: Its weights by parameter name.
        settings: Where the content-free inputs come from, and how small a leaning is taken for none.
        seed: The seed of the run.

    Returns:
        ``[classes]``, in nats; None if there is to be no calibration.

    Raises:
        UserError: If the content-free inputs do not suit the models.
    """
    if settings.calibration == NO_CALIBRATION:
        return None
    of_texts = architecture.inputs.vocabulary is not None
    suitable = next(name for name, source in CONTENT_FREE.items() if source.of_texts == of_texts)
    chosen = suitable if settings.calibration == AUTO else settings.calibration
    draw = resolve("calibration", chosen, {name: source.path for name, source in CONTENT_FREE.items()})
    drawn = torch.as_tensor(draw(architecture.inputs, COUNT, generator(seed, "inputs/content_free")))
    weight = next(iter(generalist.values()))
    inputs = drawn.to(weight) if drawn.is_floating_point() else drawn.to(weight.device)
    module = StackedModule(architecture.expert().to(weight.device))
    said = outputs(module, module.row(generalist), (inputs,)).log_softmax(dim=-1).cpu().numpy()
    return soften(leaning(said), settings.calibration_threshold)


def leaning(log_probs: NDArray[np.floating]) -> NDArray[np.floating]:
    """The centred logarithm of the mean probabilities, ``[inputs, classes]`` to ``[classes]``."""
    means = logsumexp(log_probs, axis=0)
    return np.asarray(means - means.mean())


def soften(bias: NDArray[np.floating], threshold: float) -> NDArray[np.floating]:
    """Bring every number nearer to 0 by the threshold, and those within it to 0 (soft thresholding)."""
    return np.asarray(np.sign(bias) * np.maximum(np.abs(bias) - threshold, 0.0))


def calibrate(log_probs: NDArray[np.floating], bias: NDArray[np.floating]) -> NDArray[np.floating]:
    """Take a leaning off log-probabilities, ``[..., classes]``."""
    calibrated: NDArray[np.floating] = log_softmax(log_probs - bias, axis=-1)
    return calibrated
