"""How far the gates trust their specialists, on classes the client has much or little of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fedexperts.personalization.mixture import gates_of
from fedexperts.personalization.training import compute

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedexperts.models.weights import ClientWeights
    from fedexperts.personalization.data import PersonalData
    from fedexperts.personalization.training import Workbench

COLUMNS = ("client_id", "opted_out", "test_set", "class_group", "n", "mean_weight")


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


def measure_gates(bench: Workbench, data: PersonalData, mixtures: ClientWeights) -> pd.DataFrame:
    """Average every client's gate over its majority and minority classes.

    Args:
        bench: What to compute with.
        data: The clients' data.
        mixtures: The trained mixtures; without any, the table is empty.

    Returns:
        One row per client, test set and group of classes that occurs in it: ``client_id``, ``opted_out``,
        ``test_set`` (``local`` or ``global``), ``class_group`` (``majority`` or ``minority``), ``n`` examples
        and ``mean_weight``, the mean of h(x).
    """
    gate, parameters = bench.stacked(bench.architecture.gate()), gates_of(mixtures)
    rows = []
    for position, client in enumerate(data.client_ids if len(mixtures) else ()):
        majority = majority_classes(data.labels[data.train[position]], data.classes)
        tests = {"local": data.local_test[position], "global": data.global_test}
        for test_set, examples in tests.items():
            logits = compute(gate, parameters, position, (bench.features[examples],))
            weights = logits[:, 0].sigmoid().cpu().numpy()
            in_majority = majority[data.labels[examples]]
            for group, chosen in (("majority", in_majority), ("minority", ~in_majority)):
                if chosen.any():
                    mean = float(weights[chosen].mean(dtype=np.float64))
                    opted_out = bool(data.opted_out[position])
                    rows.append((client, opted_out, test_set, group, int(chosen.sum()), mean))
    return pd.DataFrame(rows, columns=list(COLUMNS))
