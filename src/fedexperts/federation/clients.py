"""What the federation may see of its clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fedexperts.errors import UserError
from fedexperts.examples import Examples
from fedexperts.partitioning import TRAIN, VALIDATION, examples_by_client
from fedexperts.preprocessing import apply, count_ids
from fedexperts.provenance.fingerprint import fingerprint, fingerprint_examples

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

FITTED_ON = "fitted_on"
"""Where the fitted preprocessing holds the :func:`fingerprint_training` of the data that it was fitted on."""


@dataclass(frozen=True, eq=False)
class OptInClients:
    """The opt-in examples of the clients that take part, copied out of the data set.

    Whoever holds this cannot reach any other example.

    Attributes:
        client_ids: The clients with opt-in training examples, ascending.
        features: ``[opt-in examples, ...]``, ready for the model.
        labels: ``[opt-in examples]``, int64.
        train: For each client the rows of its training examples.
        validation: For each client the rows of its validation examples; may be empty.
        classes: The number of classes.
        vocabulary: For texts, how many different word numbers there are; else None.
    """

    client_ids: tuple[int, ...]
    features: NDArray[Any]
    labels: NDArray[np.int64]
    train: tuple[NDArray[np.int64], ...]
    validation: tuple[NDArray[np.int64], ...]
    classes: int
    vocabulary: int | None = None

    @property
    def fingerprint(self) -> str:
        """A name for all that the federation can see; it says nothing of anything else."""
        sizes = {
            "client_ids": np.array(self.client_ids),
            "train": np.array([len(rows) for rows in self.train]),
            "validation": np.array([len(rows) for rows in self.validation]),
        }
        return fingerprint({"features": self.features, "labels": self.labels, **sizes})


def select_opt_in(
    examples: Examples, assignments: pd.DataFrame, preprocessing: dict[str, Any]
) -> OptInClients:
    """Copy out what the clients have opted in with.

    Args:
        examples: The data set.
        assignments: The partition's table of examples.
        preprocessing: The fitted state that makes features ready for the model.

    Returns:
        The opt-in examples, client by client, those for training first.

    Raises:
        UserError: If no client has opted in with any training example, or the data set is another one than
            was shared out.
    """
    if preprocessing.get(FITTED_ON) not in {None, fingerprint_training(examples, assignments)}:
        raise UserError(
            "the data was read anew since it was shared out among the clients, and is not the same; share it "
            "out again with `kedro run --pipelines client_partitioning`"
        )
    own = assignments[assignments["opt_in"]]
    train, validation = examples_by_client(own, TRAIN), examples_by_client(own, VALIDATION)
    client_ids = tuple(train)
    if not client_ids:
        raise UserError(
            "every client has opted out, so there is nobody to train the generalist; "
            "lower `partition.opt_out` or `partition.opt_out_examples`"
        )
    none = np.empty(0, dtype=np.int64)
    parts = [split.get(client, none) for client in client_ids for split in (train, validation)]
    example_rows = np.concatenate(parts)
    places = np.split(np.arange(len(example_rows)), np.cumsum([len(part) for part in parts])[:-1])
    return OptInClients(
        client_ids=client_ids,
        features=apply(preprocessing, examples.features[example_rows]),
        labels=examples.labels[example_rows],
        train=tuple(places[0::2]),
        validation=tuple(places[1::2]),
        classes=examples.classes,
        vocabulary=count_ids(preprocessing),
    )


def fingerprint_training(examples: Examples, assignments: pd.DataFrame) -> str:
    """Name the opt-in training examples by their content; the name says nothing of any others.

    Args:
        examples: The data set.
        assignments: A partition's table of examples; it may be of another data set.

    Returns:
        32 hexadecimal digits, or an empty text if there are none, or the data set has not got so many.
    """
    rows = opt_in_training(assignments)
    if not len(rows) or rows.max() >= len(examples):
        return ""
    opt_in = Examples(examples.features[rows], examples.labels[rows], examples.class_names)
    return fingerprint_examples(opt_in)


def opt_in_training(assignments: pd.DataFrame) -> NDArray[np.int64]:
    """List the opt-in training examples, in the order of the table."""
    rows: NDArray[np.int64] = assignments.loc[
        assignments["opt_in"] & (assignments["split"] == TRAIN), "example"
    ].to_numpy()
    return rows
