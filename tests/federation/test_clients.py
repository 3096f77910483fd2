"""The federation is given opt-in examples, and cannot reach any other."""

from __future__ import annotations

import dataclasses
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fedexperts.errors import UserError
from fedexperts.federation.clients import OptInClients, select_opt_in
from fedexperts.preprocessing import apply

small = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py")))

OPT_OUTS = {
    "nobody": {},
    "whole_clients": {"partition.opt_out_clients": [1, 3]},
    "examples": {"partition.opt_out_examples": 0.5},
    "both": {"partition.opt_out_clients": [0], "partition.opt_out_examples": 0.3},
    "unseen": {"partition.unseen_clients": 2},
}


@pytest.mark.parametrize("changes", OPT_OUTS.values(), ids=OPT_OUTS)
def test_each_client_has_its_own_opt_in_examples_and_nothing_else_is_there(changes):
    of = small.world(changes)
    clients = small.opt_in_clients(of)
    own = of.assignments[of.assignments["opt_in"]]
    assert clients.client_ids == tuple(sorted(own["client_id"].unique()))
    assert len(clients.features) == len(clients.labels) == len(own) < len(of.examples)
    for position, client in enumerate(clients.client_ids):
        for split in ("train", "validation"):
            rows = getattr(clients, split)[position]
            chosen = own[(own["client_id"] == client) & (own["split"] == split)]["example"].to_numpy()
            assert clients.labels[rows].tolist() == of.examples.labels[chosen].tolist()
            expected = apply(of.preprocessing, of.examples.features[chosen])
            np.testing.assert_array_equal(clients.features[rows], expected)
    used = np.concatenate([*clients.train, *clients.validation])
    assert sorted(used.tolist()) == list(range(len(own)))


def test_no_array_is_a_window_onto_the_data_set():
    of = small.world()
    clients = small.opt_in_clients(of)
    for field in dataclasses.fields(OptInClients):
        value = getattr(clients, field.name)
        for array in value if isinstance(value, tuple) else (value,):
            if isinstance(array, np.ndarray):
                assert not np.shares_memory(array, of.examples.features)
                assert not np.shares_memory(array, of.examples.labels)
                assert not np.shares_memory(array, of.assignments["example"].to_numpy())


def test_a_client_with_opt_in_validation_examples_only_takes_no_part():
    of = small.world()
    rows = of.assignments
    of.assignments = rows.assign(
        opt_in=rows["opt_in"] & ~((rows["client_id"] == 2) & (rows["split"] == "train"))
    )
    clients = small.opt_in_clients(of)
    assert clients.client_ids == (0, 1, 3, 4)
    assert len(clients.labels) == sum(map(len, (*clients.train, *clients.validation)))


def test_a_client_without_opt_in_validation_examples_trains_all_the_same():
    of = small.world()
    rows = of.assignments
    of.assignments = rows.assign(
        opt_in=rows["opt_in"] & ~((rows["client_id"] == 2) & (rows["split"] == "validation"))
    )
    clients = small.opt_in_clients(of)
    assert clients.client_ids == (0, 1, 2, 3, 4)
    assert len(clients.validation[2]) == 0
    assert len(clients.train[2]) > 0


@pytest.mark.parametrize("changes", [{"partition.opt_out": 1.0}, {"partition.opt_out_examples": 1.0}])
def test_nobody_who_opted_in_is_refused_with_the_settings(changes):
    of = small.world(changes)
    with pytest.raises(UserError, match=r"`partition\.opt_out`.*`partition\.opt_out_examples`"):
        select_opt_in(of.examples, of.assignments, of.preprocessing)


def test_the_fingerprint_tells_whose_example_is_whose():
    clients = small.opt_in_clients(small.world())
    name = clients.fingerprint
    labels = clients.labels.copy()
    labels[0] = (labels[0] + 1) % 3
    features = clients.features.copy()
    features[-1, 0] += 1e-3
    moved = list(clients.train)
    moved[0], moved[1] = moved[0][:-1], np.append(moved[0][-1], moved[1])
    others = [
        dataclasses.replace(clients, labels=labels),
        dataclasses.replace(clients, features=features),
        dataclasses.replace(clients, client_ids=(0, 1, 2, 3, 5)),
        dataclasses.replace(clients, train=tuple(moved)),
        dataclasses.replace(clients, validation=clients.validation[::-1]),
    ]
    assert len({name, *(other.fingerprint for other in others)}) == 6
    assert dataclasses.replace(clients, features=clients.features.copy()).fingerprint == name
