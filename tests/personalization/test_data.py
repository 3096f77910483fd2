"""A client trains on all of its own data, opted in or not."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fedexperts.personalization.data import select_personal
from fedexperts.preprocessing import apply

small = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py")))

CASES = {
    "everyone": {},
    "some": {"partition.evaluated_clients": 2},
    "opted_out": {"partition.opt_out_clients": [0, 4], "partition.opt_out_examples": 0.5},
    "counts": {"partition.evaluated_clients": 3, "partition.local_test_size": 6},
}


@pytest.fixture(params=CASES)
def of(request):
    return small.world(CASES[request.param])


def personal(of):
    return select_personal(of.examples, of.clients, of.assignments, of.preprocessing)


def test_every_evaluated_client_has_all_its_examples_and_the_shared_test(of):
    data = personal(of)
    evaluated = of.clients[of.clients["evaluated"]]
    assert data.client_ids == tuple(evaluated["client_id"])
    assert data.opted_out.tolist() == evaluated["opted_out"].tolist()
    assert data.classes == 3

    def check(rows, chosen):
        assert len(rows) == len(chosen) > 0
        assert data.labels[rows].tolist() == of.examples.labels[chosen].tolist()
        np.testing.assert_array_equal(
            data.features[rows], apply(of.preprocessing, of.examples.features[chosen])
        )

    table = of.assignments
    for position, client in enumerate(data.client_ids):
        for split in ("train", "validation", "local_test"):
            own = table[(table["client_id"] == client) & (table["split"] == split)]
            check(getattr(data, split)[position], own["example"].to_numpy())
    check(data.global_test, table[table["split"] == "global_test"]["example"].to_numpy())


def test_no_example_is_in_two_places(of):
    # defect 8 of the reference code
    data = personal(of)
    rows = np.concatenate([*data.train, *data.validation, *data.local_test, data.global_test])
    assert len(set(rows.tolist())) == len(rows) == len(data.labels)


def test_order_of_the_tables_rows_does_not_matter_for_who_has_what():
    of = small.world({})
    data = personal(of)
    of.clients = of.clients[::-1]
    again = personal(of)
    assert again.client_ids == data.client_ids
    for one, other in zip(data.train, again.train, strict=True):
        np.testing.assert_array_equal(one, other)
