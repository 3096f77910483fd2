"""What is computed: random data of the right shapes, and how models are trained on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from fedexperts.randomness import derive_seed, generator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    Rows = Sequence[NDArray[np.int64]]

SEED = 0
IMAGE = (3, 32, 32)
IMAGE_CLASSES = 10
LONGEST_TEXT = 64
WORDS = 10_000
VOCABULARY = WORDS + 2  # with padding (0) and the unknown word (1)
TEXT_CLASSES = 4
VALIDATION_EXAMPLES = 50
CLEARNESS = 2.0


@dataclass(frozen=True)
class Training:
    """How one model is trained on one client's data.

    It has the attributes of the project's own ``OptimizerSettings``, which needs pydantic: a machine with
    little more than torch can run the benchmarks.
    """

    learning_rate: float = 1e-3
    optimizer: str = "adam"
    batch_size: int = 10
    momentum: float = 0.0
    weight_decay: float = 0.0
    proximal: float = 0.0

    def rate_of(self, _parameter: str) -> float:
        """The step size of a parameter, which all have in common."""
        return self.learning_rate


@dataclass(frozen=True)
class Workload:
    """Clients with data of their own, each of whom trains a model; all start from the same weights.

    Attributes:
        name: What it is called in the tables.
        inputs: ``[examples, ...]``.
        labels: ``[examples]``, int64.
        train: For each client the rows of its training examples.
        validation: For each client the rows of its validation examples; empty for a round of federated
            averaging, which does not stop early and ends with an average.
        classes: The number of classes.
        vocabulary: For texts, how many different word numbers there are; else None.
        epochs: How many epochs each client trains; with early stopping, the most.
        patience: With early stopping, a client stops after so many epochs without a lower validation loss.
        dtype: Of the weights.
        training: The optimiser and its settings.
    """

    name: str
    inputs: Tensor
    labels: Tensor
    train: Rows
    validation: Rows
    classes: int
    vocabulary: int | None
    epochs: int
    patience: int = 0
    dtype: torch.dtype = torch.float32
    training: Training = Training()

    def stream(self, client: int) -> np.random.Generator:
        """What shuffles a client's examples; the same again with every call."""
        return generator(SEED, "benchmarks/batches", client)

    def on(self, device: torch.device) -> Workload:
        """The same with its data on a device."""
        return replace(self, inputs=self.inputs.to(device), labels=self.labels.to(device))

    def in_double(self) -> Workload:
        """The same in float64."""
        inputs = self.inputs.double() if self.vocabulary is None else self.inputs
        return replace(self, inputs=inputs, dtype=torch.float64)

    def only(self, clients: int) -> Workload:
        """The same for the first clients alone."""
        return replace(self, train=self.train[:clients], validation=self.validation[:clients])

    def client_steps(self, epochs: Sequence[int]) -> int:
        """How many mini-batches are trained on in all, if each client trains so many epochs."""
        size = self.training.batch_size
        return sum(count * -(-len(own) // size) for count, own in zip(epochs, self.train, strict=True))


def federated_images(
    name: str, clients: int, fewest: int = 100, most: int = 500, epochs: int = 3
) -> Workload:
    """W1: the local training of one round of federated averaging, on images."""
    sizes = np.linspace(fewest, most, clients).astype(int)
    rows = _apart(_draw("sizes").permutation(sizes))
    inputs, labels = _images(int(sizes.sum()))
    return Workload(name, inputs, labels, rows, [], IMAGE_CLASSES, None, epochs)


def finetuned_images(
    name: str, clients: int, examples: int = 100, epochs: int = 25, patience: int = 5
) -> Workload:
    """W2: personal models, each trained until its own validation loss stops falling.

    Clients stop at different epochs: the labels of the first one are clear, those of the last one are drawn
    without a look at the images.
    """
    each = examples + VALIDATION_EXAMPLES
    rows = _apart([examples, VALIDATION_EXAMPLES] * clients)
    inputs, labels = _images(clients * each)
    stream = _torch_draw("labels")
    inputs += CLEARNESS * torch.randn(IMAGE_CLASSES, *IMAGE, generator=stream)[labels]
    wrong = torch.linspace(0, 1, clients).repeat_interleave(each)
    others = torch.randint(IMAGE_CLASSES, (len(labels),), generator=stream)
    labels = torch.where(torch.rand(len(labels), generator=stream) < wrong, others, labels)
    return Workload(name, inputs, labels, rows[0::2], rows[1::2], IMAGE_CLASSES, None, epochs, patience)


def federated_texts(name: str, clients: int, examples: int = 100, epochs: int = 3) -> Workload:
    """The local training of one round of federated averaging, on texts."""
    count = clients * examples
    stream = _draw("texts")
    lengths = np.clip(stream.normal(40, 12, count).round(), 5, LONGEST_TEXT).astype(int)
    by_rank = 1 / np.arange(1, WORDS + 1)  # Zipf's law
    words = stream.choice(WORDS, size=(count, LONGEST_TEXT), p=by_rank / by_rank.sum()) + 2
    words[np.arange(LONGEST_TEXT) >= lengths[:, None]] = 0
    labels = torch.as_tensor(stream.integers(TEXT_CLASSES, size=count))
    rows = _apart([examples] * clients)
    return Workload(name, torch.as_tensor(words), labels, rows, [], TEXT_CLASSES, VOCABULARY, epochs)


def pooled_images(name: str, clients: int, examples: int, *, patience: int) -> Workload:
    """Many clients who draw their examples from 50,000 images, as many as CIFAR-10 has for training.

    Args:
        name: What it is called in the tables.
        clients: How many.
        examples: How many examples each has, a fifth of them for validation if there is a patience.
        patience: 0 for one epoch of federated averaging; else training until stopped, five epochs at most.
    """
    pool = min(clients * examples, 50_000)
    inputs, labels = _images(pool)
    stream = _draw("pool")
    rows = [stream.choice(pool, examples, replace=False) for _ in range(clients)]
    held_out = examples // 5 if patience else 0
    train, validation = [own[held_out:] for own in rows], [own[:held_out] for own in rows if held_out]
    epochs = 5 if patience else 1
    return Workload(name, inputs, labels, train, validation, IMAGE_CLASSES, None, epochs, patience)


def _images(count: int) -> tuple[Tensor, Tensor]:
    stream = _torch_draw("images")
    images = torch.randn(count, *IMAGE, generator=stream)
    return images, torch.randint(IMAGE_CLASSES, (count,), generator=stream)


def _apart(sizes: Sequence[int] | NDArray[np.int64]) -> Rows:
    """Rows that follow one another, so many for each."""
    return np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])


def _draw(purpose: str) -> np.random.Generator:
    return generator(SEED, f"benchmarks/{purpose}")


def _torch_draw(purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(derive_seed(SEED, f"benchmarks/{purpose}"))


SMALL: dict[str, Callable[[str], Workload]] = {
    "W1, small": partial(federated_images, clients=3, fewest=12, most=31, epochs=2),
    "W2, small": partial(finetuned_images, clients=3, examples=40, epochs=8, patience=2),
    "text, small": partial(federated_texts, clients=2, examples=12, epochs=2),
}
"""One of each kind that takes a second: to check that variants agree, and that the commands work."""
