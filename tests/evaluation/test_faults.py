"""What went wrong in a run that went on is told, and nothing else is."""

from __future__ import annotations

import pandas as pd

from fedexperts.evaluation.faults import describe_faults

METRICS = pd.DataFrame(
    {"client_id": [1, 1, 4, 4], "method": ["local", "mixture"] * 2, "failed": [False, False, True, True]}
)
HISTORY = pd.DataFrame({"absent": [0, 2, 1], "failed": ["", "7 12", "7"]})


def test_every_kind_of_fault_is_told_with_its_clients():
    personal = "The training of personal models failed for client 4 (local and mixture)"
    assert describe_faults(METRICS, HISTORY) == [
        "In 2 of 3 rounds an update was left out because training had failed (clients 7 and 12).",
        "3 updates did not arrive in time; the averages are of those that did.",
        f"{personal}; the generalist stands in for them.",
    ]


def test_a_run_without_faults_has_nothing_to_tell():
    sound = METRICS.assign(failed=False)
    assert describe_faults(sound, HISTORY.assign(absent=0, failed="")) == []
    (told,) = describe_faults(sound, HISTORY.assign(absent=[0, 1, 0], failed=""))
    assert told.startswith("One update did not arrive")
