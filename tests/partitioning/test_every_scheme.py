"""What holds for every scheme, whatever the settings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fedexperts.errors import UserError
from fedexperts.partitioning import GLOBAL_TEST, LOCAL_TEST, TRAIN, VALIDATION, partition
from fedexperts.partitioning.registry import SCHEMES

every_scheme = pytest.mark.parametrize("scheme", sorted(SCHEMES))
EXACT = sorted(set(SCHEMES) - {"quantity_skew"})

sizes = st.one_of(st.integers(1, 8), st.floats(0.05, 0.45))
alphas = st.floats(-3, 4).map(lambda power: 10.0**power)
class_counts = st.lists(st.integers(30, 150), min_size=3, max_size=8)


@st.composite
def changes(draw) -> dict:
    """Settings that a few hundred examples can usually meet."""
    clients = draw(st.integers(2, 12))
    evaluated = draw(st.none() | st.integers(1, clients))
    return {
        "clients": clients,
        "alpha": draw(alphas),
        "majority_fraction": draw(st.floats(0, 1)),
        "majority_classes": draw(st.integers(1, 2)),
        "shards_per_client": draw(st.integers(1, 4)),
        "min_examples": draw(st.integers(1, 3)),
        "validation_size": draw(sizes),
        "local_test_size": draw(sizes),
        "global_test_size": draw(st.one_of(st.integers(1, 60), st.floats(0.01, 0.1))),
        "evaluated_clients": evaluated,
        "unseen_clients": draw(st.integers(0, min(evaluated or clients, clients - 1))),
        "opt_out": draw(st.floats(0, 1)),
        "opt_out_examples": draw(st.floats(0, 1)),
    }


def attempt(labels, classes, chosen, seed):
    """The partition, or no example at all for settings that this data cannot meet."""
    try:
        return partition(labels, classes, chosen, seed)
    except UserError as error:
        assume("would fit" not in str(error))
        raise


@every_scheme
@settings(deadline=None, max_examples=25)
@given(counts=class_counts, change=changes(), seed=st.integers(0, 2**32))
def test_sharing_out_the_pool_is_sound(
    scheme, counts, change, seed, make_settings, make_labels, assert_sound
):
    labels = make_labels(*counts)
    result = attempt(labels, len(counts), make_settings(scheme=scheme, **change), seed)
    assert_sound(result, labels)
    assert result.clients["train"].min() >= change["min_examples"]
    all_drawn = change["evaluated_clients"] is None or isinstance(change["local_test_size"], int)
    if scheme != "majority_classes" and all_drawn:
        assert len(result.assignments) == len(labels)


@every_scheme
@settings(deadline=None, max_examples=25)
@given(counts=class_counts, change=changes(), train=st.integers(1, 30), seed=st.integers(0, 2**32))
def test_requested_sizes_are_met_exactly(
    scheme, counts, change, train, seed, make_settings, make_labels, assert_sound
):
    labels = make_labels(*counts)
    chosen = make_settings(scheme=scheme, examples_per_client=train, **change)
    result = attempt(labels, len(counts), chosen, seed)
    assert_sound(result, labels)
    table = result.clients
    if scheme in EXACT:
        assert (table["train"] == train).all()
    if isinstance(change["validation_size"], int):
        assert (table["validation"] == change["validation_size"]).all()
    if isinstance(change["local_test_size"], int):
        assert table["local_test"].tolist() == (table["evaluated"] * change["local_test_size"]).tolist()
    shared = (result.assignments["split"] == GLOBAL_TEST).sum()
    asked = change["global_test_size"]
    if isinstance(asked, int):
        assert shared == asked
    else:
        assert shared == pytest.approx(asked * len(labels), abs=0.5 + 1e-6)


@every_scheme
@settings(deadline=None, max_examples=15)
@given(
    counts=class_counts,
    change=st.fixed_dictionaries(
        {
            "clients": st.integers(2, 10),
            "alpha": alphas,
            "validation_size": st.floats(0.05, 0.45),
            "local_test_size": st.floats(0.05, 0.45),
        }
    ),
    seed=st.integers(0, 2**32),
)
def test_all_splits_of_a_client_follow_its_distribution(
    scheme, counts, change, seed, make_settings, make_labels, count_classes
):
    labels = make_labels(*counts)
    chosen = make_settings(scheme=scheme, min_examples=3, global_test_size=len(counts), **change)
    result = attempt(labels, len(counts), chosen, seed)
    splits = np.stack(
        [count_classes(result, labels, name) for name in (TRAIN, VALIDATION, LOCAL_TEST)], axis=1
    )
    own = splits.sum(axis=1, keepdims=True)
    expected = splits.sum(axis=2, keepdims=True) / splits.sum(axis=(1, 2), keepdims=True) * own
    # Training is parted from the rest in one rounding, validation from test in a second one.
    assert np.abs(splits[:, 0] - expected[:, 0]).max() < 1
    assert np.abs(splits - expected).max() < 2


@every_scheme
def test_the_same_seed_gives_the_same_partition_and_another_seed_another(scheme, make_settings, make_labels):
    labels, chosen = (
        make_labels(100, 90, 80, 110),
        make_settings(scheme=scheme, clients=6, global_test_size=40),
    )
    first, again, other = (partition(labels, 4, chosen, seed) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(first.clients, again.clients)
    pd.testing.assert_frame_equal(first.assignments, again.assignments)
    assert not first.assignments["example"].equals(other.assignments["example"])


@every_scheme
@pytest.mark.parametrize("train", [None, 20])
@pytest.mark.parametrize(
    "option",
    [
        {"opt_out": 0.5},
        {"opt_out_clients": [0, 2]},
        {"opt_out_examples": 0.3},
        {"unseen_clients": 3},
        {"unseen_clients": 2, "opt_out": 0.5, "opt_out_examples": 0.5},
    ],
    ids="+".join,
)
def test_roles_and_opting_out_do_not_move_an_example(scheme, train, option, make_settings, make_labels):
    labels = make_labels(100, 90, 80, 110)
    base = {"scheme": scheme, "clients": 6, "global_test_size": 40, "examples_per_client": train}
    plain = partition(labels, 4, make_settings(**base), 0).assignments
    changed = partition(labels, 4, make_settings(**base, **option), 0).assignments
    columns = ["client_id", "split", "example"]
    pd.testing.assert_frame_equal(plain[columns], changed[columns])
    assert plain["opt_in"].sum() > changed["opt_in"].sum()


@every_scheme
def test_who_is_evaluated_changes_nobodys_own_examples(scheme, make_settings, make_labels):
    labels = make_labels(100, 90, 80, 110)
    base = {"scheme": scheme, "clients": 6, "global_test_size": 40}
    everyone = partition(labels, 4, make_settings(**base), 0).assignments
    some = partition(labels, 4, make_settings(**base, evaluated_clients=2), 0)
    tested = everyone["client_id"].isin(some.clients.query("evaluated")["client_id"])
    kept = everyone[tested | (everyone["split"] != LOCAL_TEST)]
    pd.testing.assert_frame_equal(kept.reset_index(drop=True), some.assignments)


@every_scheme
@pytest.mark.parametrize("alpha", [1e-300, 0.01, 1e4, 1e300])
@pytest.mark.parametrize("train", [None, 10])
def test_no_concentration_is_too_extreme(scheme, alpha, train, make_settings, make_labels, assert_sound):
    labels = make_labels(*[60] * 10)
    chosen = make_settings(
        scheme=scheme, alpha=alpha, clients=20, examples_per_client=train, min_examples=4, global_test_size=50
    )
    assert_sound(partition(labels, 10, chosen, 0), labels)


@every_scheme
def test_a_class_without_examples_in_the_pool_is_nobodys(scheme, make_settings, make_labels, assert_sound):
    labels = make_labels(100, 10, 100, 100)
    chosen = make_settings(
        scheme=scheme,
        clients=4,
        global_test_size=40,
        min_examples=3,
        majority_fraction=1.0,
        majority_classes=1,
    )
    if scheme == "majority_classes":
        with pytest.raises(UserError, match="of class 1, but 0 are left"):
            partition(labels, 4, chosen, 0)
        return
    result = partition(labels, 4, chosen, 0)
    assert_sound(result, labels)
    assert (result.clients["class_1"] == 0).all()


@settings(deadline=None, max_examples=30)
@given(
    counts=st.lists(st.integers(20, 60), min_size=2, max_size=6),
    size=st.integers(1, 40) | st.floats(0.01, 0.1),
    seed=st.integers(0, 999),
)
def test_the_global_test_is_balanced(counts, size, seed, make_settings, make_labels):
    labels = make_labels(*counts)
    chosen = make_settings(scheme="iid", clients=2, min_examples=2, global_test_size=size)
    rows = attempt(labels, len(counts), chosen, seed).assignments
    shared = np.bincount(labels[rows.loc[rows["client_id"] == -1, "example"]], minlength=len(counts))
    assert shared.max() - shared.min() <= 1


def test_the_global_test_is_the_same_for_every_scheme(make_settings, make_labels):
    labels = make_labels(100, 90, 80, 110)
    tests = set()
    for scheme in SCHEMES:
        chosen = make_settings(scheme=scheme, clients=5, alpha=2.0, global_test_size=40)
        rows = partition(labels, 4, chosen, 0).assignments
        tests.add(tuple(rows.loc[rows["split"] == GLOBAL_TEST, "example"]))
    assert len(tests) == 1


def test_the_tables_have_the_documented_types(make_settings, make_labels):
    result = partition(
        make_labels(50, 50), 2, make_settings(clients=3, global_test_size=10, min_examples=2), 0
    )
    kinds = {name: str(kind) for name, kind in result.clients.dtypes.items()}
    flags, counts = (
        ("opted_out", "unseen", "evaluated"),
        ("train", "validation", "local_test", "class_0", "class_1"),
    )
    assert kinds == {
        "client_id": "int64",
        **dict.fromkeys(flags, "bool"),
        **dict.fromkeys(counts, "int64"),
    }
    rows = result.assignments
    assert [str(rows[name].dtype) for name in ("client_id", "example", "opt_in")] == [
        "int64",
        "int64",
        "bool",
    ]
    assert list(rows.columns) == ["client_id", "split", "example", "opt_in"]
    assert set(map(type, rows["split"])) == {str}


def test_the_paper_fits(make_settings, make_labels, assert_sound):
    """CIFAR-10: 100 clients of 100 and 100, of which 20 are tested on 500 of their own."""
    labels = make_labels(*[5000] * 10)
    for scheme in ("majority_classes", "dirichlet"):
        chosen = make_settings(
            scheme=scheme,
            alpha=0.05,
            clients=100,
            examples_per_client=100,
            validation_size=100,
            local_test_size=500,
            global_test_size=1000,
            evaluated_clients=20,
            majority_fraction=1.0,
        )
        result = partition(labels, 10, chosen, 0)
        assert_sound(result, labels)
        assert result.clients["evaluated"].sum() == 20
        assert len(result.assignments) == 100 * 200 + 20 * 500 + 1000


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_the_default_settings_suit_the_digits(scheme, make_settings, assert_sound):
    from sklearn.datasets import load_digits  # noqa: PLC0415 - only this test needs it

    labels = load_digits().target
    for seed in range(0, 50, 10):
        result = partition(labels, 10, make_settings(scheme=scheme), seed)
        assert_sound(result, labels)
        assert result.clients["train"].min() >= 10
