"""Who takes part in a round."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedexperts.errors import UserError
from fedexperts.federation.sampling import sample_cohort


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))), st.integers(0, 99))
def test_a_cohort_is_so_many_different_clients_in_ascending_order(sizes, round_number):
    clients, size = sizes
    cohort = sample_cohort(clients, size, 0, round_number)
    assert cohort == sorted(set(cohort))
    assert len(cohort) == size
    assert min(cohort) >= 0
    assert max(cohort) < clients
    assert sample_cohort(clients, size, 0, round_number) == cohort


def test_everyone_is_drawn_alike():
    rounds = 2000
    cohorts = [sample_cohort(10, 3, 0, number) for number in range(1, rounds + 1)]
    counts = np.bincount(np.concatenate(cohorts), minlength=10)
    # 600 expected, with a standard deviation of 20.5
    assert (np.abs(counts - 0.3 * rounds) < 5 * 20.5).all()


def test_rounds_and_seeds_draw_anew():
    first = [sample_cohort(50, 5, 0, number) for number in range(1, 20)]
    assert len({tuple(cohort) for cohort in first}) == 19
    assert [sample_cohort(50, 5, 1, number) for number in range(1, 20)] != first


def test_a_cohort_that_is_too_large_is_refused_with_the_setting():
    with pytest.raises(UserError, match=r"`federation.clients_per_round` is 4, but only 3 .*at most 3"):
        sample_cohort(3, 4, 0, 1)
    assert sample_cohort(3, 3, 0, 1) == [0, 1, 2]
