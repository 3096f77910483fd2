"""A report shows what its results were made with."""

from __future__ import annotations

import pandas as pd
import pytest

from fedexperts.errors import UserError
from fedexperts.provenance.record import check_record, combine, record


def test_what_the_stages_agree_on_is_noted_once_and_the_rest_for_each() -> None:
    noted = combine(
        {
            "partition": {"seed": 1, "partition": {"clients": 3}},
            "generalist": {"seed": 1, "model": {"expert": "mlp"}},
            "locals": {"seed": 2, "model": {"expert": "mlp"}},
        }
    )
    assert noted == {
        "seed (partition)": 1,
        "seed (generalist)": 1,
        "seed (locals)": 2,
        "partition": {"clients": 3},
        "model": {"expert": "mlp"},
    }


def test_the_tables_of_the_record_are_accepted_and_others_named() -> None:
    clients = pd.DataFrame({"client_id": [0, 1], "opted_out": [True, False]})
    history = pd.DataFrame({"round": [1, 2], "validation_loss": [float("nan"), 0.5]})
    noted = record({"seed": 4}, {"clients": clients, "history": history})
    assert check_record(noted, {"clients": clients.copy(), "history": history.copy()}) == {"seed": 4}
    other = history.assign(validation_loss=[float("nan"), 0.25])
    with pytest.raises(UserError, match=r"^history changed since"):
        check_record(noted, {"clients": clients, "history": other})
