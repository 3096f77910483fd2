"""What is special about each scheme, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fedexperts.partitioning import partition
from fedexperts.partitioning.demand import Demand, ShortageError
from fedexperts.partitioning.majority_classes import allocate as allocate_majority
from fedexperts.partitioning.majority_classes import count_examples, deal_hands
from fedexperts.partitioning.shards import allocate as allocate_shards


def stream(seed=0):
    return np.random.default_rng(seed)


def demand(*sizes, whole_pool=False):
    asked = np.array(sizes)
    return Demand(sizes=None if whole_pool else asked, minimum=asked)


def held(result):
    return result.clients.filter(like="class_").to_numpy()


class TestMajorityClasses:
    @pytest.mark.parametrize(
        ("size", "fraction", "expected"),
        [
            (100, 0.2, [10] * 10),  # IID for two of ten
            (100, 0.3, [15, 15, 9, 9, 9, 9, 9, 9, 8, 8]),
            (100, 0.7, [35, 35, 4, 4, 4, 4, 4, 4, 3, 3]),
            (100, 0.9, [45, 45, 2, 2, 1, 1, 1, 1, 1, 1]),
            (100, 1.0, [50, 50, 0, 0, 0, 0, 0, 0, 0, 0]),
            (99, 0.5, [25, 25, 7, 6, 6, 6, 6, 6, 6, 6]),  # 49.5 is rounded to 50, and filled up to 99
            (7, 0.3, [1, 1, 1, 1, 1, 1, 1, 0, 0, 0]),
        ],
    )
    def test_counts(self, size, fraction, expected):
        counts = count_examples(np.array([size]), np.arange(10)[None], 2, fraction)
        assert counts.tolist() == [expected]

    def test_three_majority_classes_in_the_given_order(self):
        counts = count_examples(np.array([20]), np.array([[4, 0, 2, 1, 3]]), 3, 0.5)
        assert counts.tolist() == [[3, 5, 3, 5, 4]]

    def test_no_count_falls_when_a_client_grows(self):
        priority = np.tile(stream().permutation(7), (300, 1))
        counts = count_examples(np.arange(300), priority, 2, 0.37)
        assert counts.sum(axis=1).tolist() == list(range(300))
        assert np.diff(counts, axis=0).min() >= 0

    @pytest.mark.parametrize(("classes", "per_client"), [(10, 2), (7, 2), (5, 3), (4, 4), (3, 1), (9, 7)])
    def test_hands_are_distinct_and_every_class_is_dealt_equally_often(self, classes, per_client):
        hands = deal_hands(50, classes, per_client, stream())
        assert all(len(set(hand)) == per_client for hand in hands.tolist())
        dealt = np.bincount(hands.ravel(), minlength=classes)
        assert dealt.max() - dealt.min() <= 1

    def test_all_pairs_come_up(self):
        pairs = {tuple(sorted(hand)) for hand in deal_hands(500, 5, 2, stream()).tolist()}
        assert len(pairs) == 10

    def test_every_client_of_the_paper_has_its_exact_share(self, make_settings):
        for fraction in (0.2, 0.3, 0.6, 0.7, 0.8, 1.0):
            chosen = make_settings(majority_fraction=fraction)
            counts = allocate_majority(np.full(10, 5000), demand(*[100] * 100), chosen, stream())
            largest = np.sort(counts, axis=1)[:, -2:]
            assert largest.sum(axis=1).tolist() == [round(100 * fraction)] * 100

    def test_the_whole_pool_is_used_as_far_as_the_proportions_allow(self, make_settings):
        chosen = make_settings(majority_fraction=1.0)
        counts = allocate_majority(np.full(10, 60), demand(*[1] * 10, whole_pool=True), chosen, stream())
        assert counts.sum(axis=0).tolist() == [60] * 10  # ten clients, and each class is in two hands
        assert sorted(set(counts.ravel())) == [0, 30]

    def test_a_shortage_names_the_first_client_that_goes_short(self, make_settings):
        chosen = make_settings(majority_fraction=1.0, majority_classes=1)
        with pytest.raises(ShortageError) as caught:
            allocate_majority(np.array([25, 25]), demand(10, 10, 10, 10, 10, 10), chosen, stream())
        # Two clients take one hand from each deck of two, so the third deck runs short.
        assert caught.value.client == 4
        assert (caught.value.wanted, caught.value.left) == (10, 5)


class TestShards:
    def test_two_shards_each(self, make_settings):
        available = np.full(10, 600)
        chosen = make_settings(shards_per_client=2)
        counts = allocate_shards(available, demand(*[1] * 100, whole_pool=True), chosen, stream())
        # 200 shards of 30: no shard crosses from one class to the next.
        assert set(counts.ravel()) == {0, 30, 60}
        assert counts.sum(axis=1).tolist() == [60] * 100
        assert (counts > 0).sum(axis=1).max() == 2

    def test_clients_of_different_sizes(self, make_settings):
        counts = allocate_shards(np.array([40, 20]), demand(30, 6, 9), make_settings(), stream())
        assert counts.sum(axis=1).tolist() == [30, 6, 9]
        assert counts.sum(axis=0).tolist() == [30, 15]


class TestDirichlet:
    def test_a_huge_alpha_spreads_every_class_evenly(self, make_settings, make_labels):
        labels = make_labels(*[330] * 10)
        for train in (None, 50):
            chosen = make_settings(alpha=1e4, global_test_size=300, examples_per_client=train)
            counts = held(partition(labels, 10, chosen, 0))
            assert np.abs(counts - counts.mean()).max() <= 3

    def test_a_tiny_alpha_gives_each_class_to_few(self, make_settings, make_labels):
        labels = make_labels(*[330] * 10)
        chosen = make_settings(alpha=0.01, global_test_size=300, min_examples=1)
        counts = held(partition(labels, 10, chosen, 0))
        assert (np.sort(counts, axis=0)[-2:].sum(axis=0) / counts.sum(axis=0)).mean() > 0.8

    def test_a_tiny_alpha_gives_clients_of_fixed_size_few_classes(self, make_settings, make_labels):
        labels = make_labels(*[600] * 10)
        for scheme in ("dirichlet", "dirichlet_client"):
            chosen = make_settings(scheme=scheme, alpha=0.01, examples_per_client=20)
            counts = held(partition(labels, 10, chosen, 0))
            assert (counts.max(axis=1) / counts.sum(axis=1)).mean() > 0.85

    def test_the_minimum_is_met_and_only_the_richest_pay(self, make_settings, make_labels):
        labels = make_labels(*[330] * 10)
        small, large = (
            partition(labels, 10, make_settings(alpha=0.3, min_examples=least), 0).clients
            for least in (1, 20)
        )
        assert large["train"].min() == 20
        changed = small.loc[small["train"].ne(large["train"])]
        poor, rich = changed[changed["train"] < 20], changed[changed["train"] >= 20]
        assert len(poor) > 0
        assert len(rich) < len(small) - len(poor)
        assert rich["train"].min() >= large.loc[rich.index, "train"].max()

    def test_the_draws_have_the_moments_of_a_dirichlet(self, make_settings, make_labels):
        labels = make_labels(*[4000] * 8)
        chosen = make_settings(alpha=0.5, clients=20, min_examples=1, global_test_size=80)
        shares = held(partition(labels, 8, chosen, 5)).T / 3990 * (1 / (1 - 0.25))
        expected = (1 / 20) * (19 / 20) / (20 * 0.5 + 1)
        assert shares.var(axis=1).mean() == pytest.approx(expected, rel=0.25)


class TestDirichletClient:
    def test_everybody_has_the_same_size(self, make_settings, make_labels):
        chosen = make_settings(scheme="dirichlet_client", clients=7, global_test_size=30)
        sizes = partition(make_labels(100, 200, 300), 3, chosen, 0).clients["train"]
        assert sizes.max() - sizes.min() <= 1

    def test_the_draws_are_centred_on_the_pool(self, make_settings, make_labels):
        labels = make_labels(*[8000, 4000, 4000])
        chosen = make_settings(
            scheme="dirichlet_client", alpha=1.0, clients=400, examples_per_client=12, global_test_size=3
        )
        shares = held(partition(labels, 3, chosen, 0)).sum(axis=0)
        assert shares / shares.sum() == pytest.approx([0.5, 0.25, 0.25], abs=0.04)

    def test_a_huge_alpha_is_iid(self, make_settings, make_labels):
        labels = make_labels(*[100] * 4)
        chosen = make_settings(scheme="dirichlet_client", alpha=1e4, clients=5, global_test_size=4)
        counts = held(partition(labels, 4, chosen, 0))
        assert np.abs(counts - counts.mean()).max() <= 2


class TestIidAndQuantitySkew:
    def test_iid_clients_differ_by_chance_only(self, make_settings, make_labels):
        labels = make_labels(*[2000] * 5)
        chosen = make_settings(scheme="iid", clients=10, global_test_size=5)
        shares = held(partition(labels, 5, chosen, 0)) / 750
        assert shares == pytest.approx(np.full((10, 5), 0.2), abs=0.06)

    def test_quantity_skew_leaves_the_classes_alone(self, make_settings, make_labels):
        labels = make_labels(*[2000] * 5)
        chosen = make_settings(scheme="quantity_skew", clients=10, alpha=0.5, global_test_size=5)
        table = partition(labels, 5, chosen, 0).clients
        assert table["train"].max() > 5 * table["train"].min()
        largest = held(partition(labels, 5, chosen, 0))[table["train"].idxmax()]
        assert largest / largest.sum() == pytest.approx([0.2] * 5, abs=0.03)

    def test_quantity_skew_takes_a_fixed_size_as_the_mean(self, make_settings, make_labels):
        chosen = make_settings(
            scheme="quantity_skew", clients=10, examples_per_client=30, validation_size=5, local_test_size=5
        )
        table = partition(make_labels(*[200] * 5), 5, chosen, 0).clients
        assert table["train"].mean() == 30
        assert table["train"].min() >= 10
        assert table["train"].nunique() > 3
