"""How far the gates trust their specialists, on classes the client has much or little of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import expit

from fedexperts.personalization import constant
from fedexperts.personalization.choosing import lowest_loss
from fedexperts.personalization.mixing import mix_constant

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from fedexperts.parameters import PersonalizationSettings
    from fedexperts.personalization.data import PersonalData
    from fedexperts.personalization.outputs import Outputs
    from fedexperts.personalization.predictions import Consultation

COLUMNS = ("client_id", "opted_out", "test_set", "class_group", "n", "mean_weight", "gain")


def majority_classes(labels: NDArray[np.int64], classes: int) -> NDArray[np.bool_]:
    """The classes that a client has more than an even share of.

    Args:
        labels: The client's training labels.
        classes: The number of classes.

    Returns:
        ``[classes]``, bool.
    """
    counts = np.bincount(labels, minlength=classes)
    return np.asarray(counts * classes > len(labels))


def gate_table(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Put together what :func:`measure_gate` found; without any gate, the table is empty."""
    return pd.DataFrame(list(rows), columns=list(COLUMNS))


def measure_gate(
    client: Consultation, data: PersonalData, settings: PersonalizationSettings
) -> list[dict[str, Any]]:
    """Look at one client's gate on its majority and minority classes.

    Args:
        client: What the client's models say, its mixture among them.
        data: The clients' data.
        settings: How many constant weights the gate is compared with.

    Returns:
        One row per test set and group of classes that occurs in it: ``client_id``, ``opted_out``,
        ``test_set`` (``local`` or ``global``), ``class_group`` (``majority``, ``minority``), ``n`` examples,
        ``mean_weight``, the mean of h(x), and ``gain``: how much lower, in nats, the mean loss is than with
        one weight for all inputs instead of the gate, the best on the client's validation examples. No row
        if the training of the mixture failed.
    """
    if "mixtures" in client.validation.failed:
        return []
    weight = lowest_loss(_without_gate, constant.values(settings), client.validation)
    majority = majority_classes(data.labels[data.train[client.position]], data.classes)
    rows = []
    for test_set, test in client.tests.items():
        weights = expit(test.parts().gate)
        gains = _losses(_without_gate(test, weight), test) - _losses(test.personal["mixtures"], test)
        in_majority = majority[test.labels]
        for group, chosen in (("majority", in_majority), ("minority", ~in_majority)):
            if chosen.any():
                row = {
                    "client_id": data.client_ids[client.position],
                    "opted_out": bool(data.opted_out[client.position]),
                    "test_set": test_set,
                    "class_group": group,
                    "n": int(chosen.sum()),
                    "mean_weight": float(weights[chosen].mean(dtype=np.float64)),
                    "gain": float(gains[chosen].mean(dtype=np.float64)),
                }
                rows.append(row)
    return rows


def _without_gate(outputs: Outputs, weight: float) -> NDArray[np.floating]:
    return mix_constant(outputs.parts().specialist, outputs.generalist, weight)


def _losses(log_probs: NDArray[np.floating], outputs: Outputs) -> NDArray[np.floating]:
    losses: NDArray[np.floating] = -log_probs[np.arange(len(outputs.labels)), outputs.labels]
    return losses
