"""What a client has to train its own models on: all of its own data, opted in or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fedexperts.preprocessing import apply

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from fedexperts.examples import Examples


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
    shared = assignments["split"] == "global_test"
    used = assignments[shared | assignments["client_id"].isin(client_ids)].reset_index(drop=True)
    rows = {
        (int(client), str(split)): places.to_numpy(copy=True)
        for (client, split), places in used.reset_index().groupby(["client_id", "split"])["index"]
    }

    def of(split: str) -> tuple[NDArray[np.int64], ...]:
        return tuple(rows[client, split] for client in client_ids)

    example_rows = used["example"].to_numpy()
    return PersonalData(
        client_ids=client_ids,
        opted_out=evaluated["opted_out"].to_numpy(copy=True),
        features=apply(preprocessing, examples.features[example_rows]),
        labels=examples.labels[example_rows],
        train=of("train"),
        validation=of("validation"),
        local_test=of("local_test"),
        global_test=np.flatnonzero((used["split"] == "global_test").to_numpy()),
        classes=examples.classes,
    )
