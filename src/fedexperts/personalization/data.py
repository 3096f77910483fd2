"""What a client has to train its own models on: all of its own data, opted in or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fedexperts.partitioning import EVERYONE, SPLITS, examples_by_client
from fedexperts.preprocessing import apply, count_ids

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from fedexperts.examples import Examples

SOME = 1e-3


@dataclass(frozen=True, eq=False)
class PersonalData:
    """The examples of the clients that are personalised, and the test set that they share.

    Attributes:
        client_ids: The evaluated clients, ascending.
        opted_out: ``[clients]``, bool: who opted out with all of its data.
        features: ``[examples, ...]``, ready for the model.
        labels: ``[examples]``, int64.
        train: For each client the rows of its training examples.
        validation: For each client the rows of its validation examples.
        local_test: For each client the rows of its own test examples.
        global_test: The rows of the test set that all clients share.
        classes: The number of classes.
        vocabulary: For texts, how many different word numbers there are; else None.
    """

    client_ids: tuple[int, ...]
    opted_out: NDArray[np.bool_]
    features: NDArray[Any]
    labels: NDArray[np.int64]
    train: tuple[NDArray[np.int64], ...]
    validation: tuple[NDArray[np.int64], ...]
    local_test: tuple[NDArray[np.int64], ...]
    global_test: NDArray[np.int64]
    classes: int
    vocabulary: int | None = None


def select_personal(
    examples: Examples, clients: pd.DataFrame, assignments: pd.DataFrame, preprocessing: dict[str, Any]
) -> PersonalData:
    """Gather the data of the clients that are personalised.

    Args:
        examples: The data set.
        clients: The partition's table of clients.
        assignments: The partition's table of examples.
        preprocessing: The fitted state that makes features ready for the model.
    """
    evaluated = clients[clients["evaluated"]].sort_values("client_id")
    client_ids = tuple(int(client) for client in evaluated["client_id"])
    used = assignments[assignments["client_id"].isin((EVERYONE, *client_ids))]
    places = used.assign(example=np.arange(len(used)))
    train, validation, local_test, global_test = (examples_by_client(places, split) for split in SPLITS)
    example_rows = used["example"].to_numpy()
    return PersonalData(
        client_ids=client_ids,
        opted_out=evaluated["opted_out"].to_numpy(copy=True),
        features=apply(preprocessing, examples.features[example_rows]),
        labels=examples.labels[example_rows],
        train=tuple(train[client] for client in client_ids),
        validation=tuple(validation[client] for client in client_ids),
        local_test=tuple(local_test[client] for client in client_ids),
        global_test=global_test[EVERYONE],
        classes=examples.classes,
        vocabulary=count_ids(preprocessing),
    )


def class_proportions(data: PersonalData, position: int) -> NDArray[np.float64]:
    """How much a client has of each class, in its training and validation examples; it stays with the client.

    Args:
        data: The clients' data.
        position: Which client.

    Returns:
        ``[classes]``, adding up to 1; a thousandth of an example more of each class, so that none is 0.
    """
    own = np.concatenate([data.train[position], data.validation[position]])
    counts = np.bincount(data.labels[own], minlength=data.classes) + SOME
    return np.asarray(counts / counts.sum())
