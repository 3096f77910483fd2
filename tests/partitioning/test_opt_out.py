"""Every way of opting out, and who is evaluated or unseen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedexperts.errors import UserError
from fedexperts.partitioning import EVERYONE, GLOBAL_TEST, TRAIN, VALIDATION, examples_by_client, partition
from fedexperts.partitioning.roles import draw_roles, opt_out_examples


@pytest.fixture(scope="module")
def labels(make_labels):
    return make_labels(*[200] * 5)


@pytest.fixture(scope="module")
def run(make_settings, labels):
    def run(seed=0, may_opt_in=None, **changes):
        chosen = make_settings(**{"scheme": "iid", "clients": 20, "global_test_size": 50, **changes})
        return partition(labels, 5, chosen, seed, may_opt_in)

    return run


def own_rows(result):
    rows = result.assignments
    return rows[rows["split"].isin([TRAIN, VALIDATION])]


def test_without_opting_out_all_own_examples_may_be_used(run):
    result = run()
    assert own_rows(result)["opt_in"].all()
    assert not result.clients["opted_out"].any()


@pytest.mark.parametrize(
    ("fraction", "count"), [(0.0, 0), (0.124, 2), (0.125, 3), (0.5, 10), (0.95, 19), (1.0, 20)]
)
def test_a_fraction_of_the_clients(run, fraction, count):
    result = run(opt_out=fraction)
    assert result.clients["opted_out"].sum() == count
    by_client = own_rows(result).groupby("client_id")["opt_in"]
    assert (by_client.any() == by_client.all()).all()
    assert by_client.any().tolist() == (~result.clients["opted_out"]).tolist()


def test_who_opts_out_at_a_low_fraction_does_so_at_a_higher_one(run):
    low, high = (run(opt_out=fraction).clients["opted_out"] for fraction in (0.3, 0.6))
    assert (high | ~low).all()


def test_clients_by_name(run):
    result = run(opt_out_clients=[3, 17])
    assert result.clients.query("opted_out")["client_id"].tolist() == [3, 17]
    assert sorted(set(own_rows(result).query("not opt_in")["client_id"])) == [3, 17]


def test_clients_by_name_come_on_top_of_a_fraction(run):
    drawn = run(opt_out=0.2).clients["opted_out"]
    named = int(np.flatnonzero(~drawn)[0])
    both = run(opt_out=0.2, opt_out_clients=[named]).clients["opted_out"]
    assert both.sum() == 5
    assert both[named]


def test_a_fraction_of_each_clients_examples(run):
    rows = own_rows(run(opt_out_examples=0.3))
    for _, own in rows.groupby("client_id"):
        assert (~own["opt_in"]).sum() == np.floor(0.3 * len(own) + 0.5)
        for _, split in own.groupby("split"):
            assert (~split["opt_in"]).sum() == pytest.approx(0.3 * len(split), abs=1.5)


def test_all_of_each_clients_examples(run):
    result = run(opt_out_examples=1.0)
    assert not result.assignments["opt_in"].any()
    assert result.clients["opted_out"].all()


@settings(deadline=None, max_examples=50)
@given(
    sizes=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 8)), min_size=1, max_size=8),
    fractions=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
    seed=st.integers(0, 999),
)
def test_opted_out_examples_are_exact_spread_over_the_splits_and_nested(sizes, fractions, seed):
    client = np.repeat(np.arange(len(sizes)), [sum(pair) for pair in sizes])
    split = np.concatenate([np.repeat([0, 1], pair) for pair in sizes]).astype(np.int64)
    fewer, more = (opt_out_examples(client, split, fraction, seed) for fraction in fractions)
    assert (more | ~fewer).all()
    for number, pair in enumerate(sizes):
        out = more[client == number]
        assert out.sum() == np.floor(fractions[1] * sum(pair) + 0.5 + 1e-9)
        assert abs(out[: pair[0]].sum() - fractions[1] * pair[0]) < 2


@pytest.fixture(scope="module")
def may_opt_in(run, labels):
    """A column that leaves the global test as it is without one."""
    column = np.random.default_rng(0).random(len(labels)) < 0.6
    column[global_test(run())] = True
    return column


def global_test(result):
    return examples_by_client(result.assignments, GLOBAL_TEST)[EVERYONE]


def test_a_column_of_the_users_table(run, may_opt_in):
    result = run(may_opt_in=may_opt_in)
    rows = own_rows(result)
    assert (rows["opt_in"].to_numpy() == may_opt_in[rows["example"]]).all()
    plain = run().assignments
    assert plain["example"].equals(result.assignments["example"])


@pytest.mark.parametrize("size", [50, 0.05, "all"])
def test_the_global_test_that_all_clients_share_holds_nothing_that_opted_out(make_settings, labels, size):
    stream = np.random.default_rng(0)
    column, official = (stream.random(len(labels)) < share for share in (0.6, 0.3))
    chosen = make_settings(scheme="iid", clients=20, global_test_size=size)
    shared = global_test(partition(labels, 5, chosen, 0, column, official))
    assert column[shared].all()
    counts = np.bincount(labels[shared])
    assert counts.tolist() == [np.bincount(labels[official & column]).min() if size == "all" else 10] * 5

    replaced = np.where(column, labels, stream.integers(0, 5, len(labels)))
    assert (replaced != labels).sum() > 200
    np.testing.assert_array_equal(global_test(partition(replaced, 5, chosen, 0, column, official)), shared)


def test_a_global_test_for_which_too_few_examples_opt_in(run, labels):
    column = np.ones(len(labels), dtype=np.bool_)
    column[np.flatnonzero(labels == 3)[:195]] = False
    with pytest.raises(UserError, match="class 3, which has 5 that may opt in; at most 25 would fit"):
        run(may_opt_in=column)


def test_all_routes_add_up(run, may_opt_in):
    result = run(
        may_opt_in=may_opt_in, opt_out=0.25, opt_out_clients=[4], opt_out_examples=0.3, unseen_clients=2
    )
    rows = result.assignments
    alone = [
        run(may_opt_in=may_opt_in),
        run(opt_out=0.25, opt_out_clients=[4], unseen_clients=2),
        run(opt_out_examples=0.3),
    ]
    expected = np.logical_and.reduce([other.assignments["opt_in"] for other in alone])
    assert rows["opt_in"].tolist() == expected.tolist()
    assert expected.any()


def test_unseen_clients_are_evaluated_and_have_no_say(run):
    result = run(unseen_clients=4, evaluated_clients=6)
    unseen = result.clients.query("unseen")
    assert len(unseen) == 4
    assert unseen["evaluated"].all()
    assert not unseen["opted_out"].any()
    rows = own_rows(result)
    assert rows.loc[~rows["client_id"].isin(unseen["client_id"]), "opt_in"].all()
    assert not rows.loc[rows["client_id"].isin(unseen["client_id"]), "opt_in"].any()


def test_the_fraction_that_opts_out_is_one_of_the_clients_that_train(run):
    table = run(unseen_clients=10, opt_out=0.5).clients
    assert (table["opted_out"].sum(), (table["opted_out"] & table["unseen"]).sum()) == (5, 0)


def test_larger_groups_contain_the_smaller_ones(make_settings):
    few, many = (
        draw_roles(make_settings(evaluated_clients=count, unseen_clients=count // 2), 0) for count in (4, 10)
    )
    assert few.evaluated.sum() == 4
    assert (many.evaluated | ~few.evaluated).all()
    assert few.unseen.sum() == 2


def test_roles_depend_on_the_seed(make_settings):
    chosen = make_settings(opt_out=0.5)
    assert draw_roles(chosen, 0).opted_out.tolist() != draw_roles(chosen, 1).opted_out.tolist()


def test_whoever_has_nothing_left_to_opt_in_with_counts_as_opted_out(make_settings, make_labels):
    labels = make_labels(60, 60)
    settings = make_settings(scheme="iid", clients=4, global_test_size=10)
    plain = partition(labels, 2, settings, seed=0)
    own = plain.assignments.loc[plain.assignments["client_id"] == 2, "example"]
    may_opt_in = np.ones(len(labels), dtype=np.bool_)
    may_opt_in[own] = False
    clients = partition(labels, 2, settings, seed=0, may_opt_in=may_opt_in).clients
    assert clients["opted_out"].tolist() == [False, False, True, False]
    assert not partition(labels, 2, settings, seed=0).clients["opted_out"].any()
