"""What the user is told when a partition cannot be made."""

from __future__ import annotations

import re
import sys
import types

import numpy as np
import pytest
from pydantic import ValidationError

from fedexperts.errors import UserError
from fedexperts.partitioning import partition


@pytest.fixture
def labels(make_labels):
    return make_labels(*[100] * 5)


@pytest.fixture
def fails(make_settings, labels):
    """The message for some settings, after trying out the numbers that it says would fit."""

    def fails(**changes):
        changes = {"scheme": "iid", "clients": 5, "global_test_size": 50, **changes}
        with pytest.raises(UserError) as caught:
            partition(labels, 5, make_settings(**changes), 0)
        message = str(caught.value)
        for key, number in re.findall(r"partition\.(\w+) of at most (\d+)", message):
            partition(labels, 5, make_settings(**{**changes, key: int(number)}), 0)
            with pytest.raises(UserError):
                partition(labels, 5, make_settings(**{**changes, key: int(number) + 1}), 0)
        return message

    return fails


@pytest.mark.parametrize("scheme", ["iid", "dirichlet", "dirichlet_client", "shards", "quantity_skew"])
def test_more_examples_than_there_are(fails, scheme):
    message = fails(scheme=scheme, examples_per_client=60, validation_size=20, local_test_size=30)
    assert message == (
        "partition.examples_per_client 60 cannot be met: with partition.validation_size 20 and "
        "partition.local_test_size 30 the 5 clients need 550 examples, but beside the global test "
        "(partition.global_test_size 50) there are 450, so that client 4 is the first to go short, in every "
        "class. partition.examples_per_client of at most 40 or partition.clients of at most 4 would fit"
    )


def test_more_examples_than_there_are_with_fractions(fails):
    assert "partition.examples_per_client of at most 49 or" in fails(examples_per_client=60)


def test_only_evaluated_clients_count_for_a_fixed_local_test(fails):
    message = fails(examples_per_client=60, validation_size=20, local_test_size=100, evaluated_clients=1)
    assert "the 5 clients need 500 examples" in message
    assert "partition.clients of at most 4 would fit" in message


def test_a_minimum_that_is_too_large(fails):
    message = fails(scheme="dirichlet", min_examples=100)
    assert "partition.min_examples 100 cannot be met" in message
    assert "partition.min_examples of at most 49" in message


def test_nothing_fits_but_smaller_tests(fails):
    message = fails(local_test_size=500)
    assert message.endswith("Fewer partition.clients, or smaller validation and test sizes, would fit")


def test_a_class_that_runs_out_names_client_class_and_what_would_fit(fails):
    message = fails(
        scheme="majority_classes",
        majority_fraction=1.0,
        majority_classes=1,
        clients=7,
        examples_per_client=50,
        validation_size=5,
        local_test_size=5,
    )
    assert re.match(
        r"partition.examples_per_client 50 cannot be met by the scheme 'majority_classes': client \d "
        r"should get 60 examples of class \d, but 30 are left. "
        r"partition.examples_per_client of at most 35 would fit$",
        message,
    )


def test_a_class_that_runs_out_when_the_pool_is_shared_out(fails):
    message = fails(
        scheme="majority_classes", majority_fraction=1.0, majority_classes=1, clients=7, min_examples=28
    )
    assert "partition.min_examples of at most 25 would fit" in message


@pytest.mark.parametrize("size", [600, 0.9])
def test_a_global_test_that_a_class_cannot_fill(make_settings, make_labels, size):
    labels = make_labels(300, 40, 300)
    with pytest.raises(
        UserError, match=r"partition.global_test_size .* class 1, which has 40; at most 120 would fit"
    ):
        partition(labels, 3, make_settings(global_test_size=size), 0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"evaluated_clients": 6}, "partition.evaluated_clients is 6, but there are 5 clients"),
        (
            {"evaluated_clients": 2, "unseen_clients": 3},
            "partition.unseen_clients is 3, but 2 clients are evaluated (partition.evaluated_clients);",
        ),
        ({"unseen_clients": 5}, "one at least must train; at most 4 would fit"),
        (
            {"opt_out_clients": [1, 9, 5]},
            "partition.opt_out_clients names 5, 9, but the clients are numbered from 0",
        ),
        ({"validation_size": 0.6, "local_test_size": 0.5}, "they may add up to at most 0.99"),
        ({"scheme": "dirichelt"}, "there is no partition scheme 'dirichelt'. Did you mean 'dirichlet'?"),
        (
            {"scheme": "majority_classes", "majority_classes": 6},
            "the data set has 5 classes; at most 5 would fit",
        ),
        (
            {"scheme": "majority_classes", "majority_classes": 5, "majority_fraction": 0.75},
            "no class is left for the other 0.25 of a client's examples; at most 4 would fit",
        ),
    ],
)
def test_settings_that_do_not_go_together(fails, changes, expected):
    assert expected in fails(**changes)


@pytest.mark.parametrize(
    "change",
    [
        {"clients": 0},
        {"alpha": 0.0},
        {"alpha": float("inf")},
        {"opt_out": 1.5},
        {"validation_size": 0},
        {"local_test_size": 1.0},
        {"opt_out_clients": [-1]},
        {"examples_per_client": 0},
        {"unseen": 3},
    ],
    ids=str,
)
def test_values_that_never_make_sense_are_refused_at_once(make_settings, change):
    with pytest.raises(ValidationError, match=next(iter(change))):
        make_settings(**change)


def test_labels_and_opt_in_column_must_fit(make_settings, labels):
    with pytest.raises(UserError, match="between 0 and 3, one for each class, but they range from 0 to 4"):
        partition(labels, 4, make_settings(), 0)
    with pytest.raises(UserError, match="no examples"):
        partition(labels[:0], 5, make_settings(), 0)
    with pytest.raises(UserError, match="true or false for each of the 500 examples, but it is int64"):
        partition(labels, 5, make_settings(), 0, np.ones(500, dtype=np.int64))
    with pytest.raises(UserError, match=r"of shape \(7,\)"):
        partition(labels, 5, make_settings(), 0, np.ones(7, dtype=np.bool_))


@pytest.fixture
def own_scheme(monkeypatch):
    def install(counts):
        module = types.ModuleType("own_schemes")
        module.allocate = lambda *_: np.array(counts)
        monkeypatch.setitem(sys.modules, "own_schemes", module)
        return "own_schemes:allocate"

    return install


def test_an_own_scheme_by_its_import_path(own_scheme, make_settings, labels):
    counts = [[90, 0, 0, 0, 90], [0, 30, 30, 0, 0]]
    chosen = make_settings(scheme=own_scheme(counts), clients=2, global_test_size=50)
    table = partition(labels, 5, chosen, 0).clients
    assert (table[["train", "validation", "local_test"]].sum(axis=1)).tolist() == [180, 60]


@pytest.mark.parametrize(
    ("counts", "train", "fault"),
    [
        ([[1, 2, 3]], None, r"shape \(1, 3\) instead of \(2, 5\)"),
        ([[50, 0, 0, 0, 0.5]] * 2, None, "something other than whole numbers"),
        ([[50, 0, 0, 0, -1]] * 2, None, "something other than whole numbers"),
        ([[50, 0, 0, 0, 0]] * 2, None, "gave out 100 examples of class 0, which has 90"),
        ([[50, 0, 0, 0, 0], [0, 2, 0, 0, 0]], None, "gave client 1 2 examples, which needs 18"),
        ([[50, 0, 0, 0, 0], [0, 50, 0, 0, 0]], 15, "gave out 100 examples instead of"),
    ],
)
def test_an_own_scheme_that_does_not_keep_to_its_task(
    own_scheme, make_settings, labels, counts, train, fault
):
    chosen = make_settings(
        scheme=own_scheme(counts), clients=2, global_test_size=50, examples_per_client=train
    )
    with pytest.raises(UserError, match=fault):
        partition(labels, 5, chosen, 0)
