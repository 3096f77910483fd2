"""Streams depend on their names alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fedexperts.randomness import derive_seed, generator

NAMES = st.tuples(
    st.integers(0, 2**40),
    st.sampled_from(["partition", "federation/batches", "x"]),
    st.lists(st.integers(-1, 99)),
)


def test_seeds_are_the_same_on_every_machine():
    # computed once; another value would change every result of the project
    assert derive_seed(0, "partition") == 98939868296721818
    assert derive_seed(7, "federation/batches", 3, 17) == 8351848759591852897


@given(NAMES)
def test_a_seed_is_a_number_that_torch_and_numpy_take(name):
    seed, purpose, keys = name
    derived = derive_seed(seed, purpose, *keys)
    assert 0 <= derived < 2**63
    assert derive_seed(seed, purpose, *keys) == derived


@given(NAMES, NAMES)
def test_other_names_other_seeds(one, other):
    same = derive_seed(one[0], one[1], *one[2]) == derive_seed(other[0], other[1], *other[2])
    assert same == (one == other)


def test_kinds_of_integers_do_not_matter():
    assert derive_seed(0, "x", np.int64(3)) == derive_seed(0, "x", 3)
    assert derive_seed(0, "x", 1, 23) != derive_seed(0, "x", 12, 3)


def test_a_stream_can_be_opened_again_and_is_nobody_elses():
    first, again, other = generator(0, "x", 1), generator(0, "x", 1), generator(0, "x", 2)
    drawn = first.random(1000)
    assert np.array_equal(drawn, again.random(1000))
    assert abs(np.corrcoef(drawn, other.random(1000))[0, 1]) < 0.15


def test_numpys_own_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the state that is not to be touched
    generator(0, "x").random(10)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
