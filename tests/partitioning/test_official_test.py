"""The data set's own test set as the test that all clients share."""

from __future__ import annotations

import numpy as np
import pytest

from fedexperts.errors import UserError
from fedexperts.partitioning import EVERYONE, examples_by_client, partition

CLASSES = 3


def draw(make_settings, labels, official_test, **changes):
    settings = make_settings(clients=4, global_test_size="all", **changes)
    return partition(labels, CLASSES, settings, seed=0, official_test=official_test).assignments


def test_all_of_a_balanced_test_set_is_used_and_for_nothing_else(make_settings, make_labels):
    labels = make_labels(90, 90, 90)
    official = np.zeros(270, dtype=np.bool_)
    for label in range(CLASSES):
        official[np.flatnonzero(labels == label)[:20]] = True
    assignments = draw(make_settings, labels, official)
    used = examples_by_client(assignments, "global_test")[EVERYONE]
    np.testing.assert_array_equal(used, np.flatnonzero(official))
    others = assignments.loc[assignments["split"] != "global_test", "example"]
    assert not official[others].any()


def test_an_unbalanced_test_set_is_cut_to_a_balanced_one_and_never_trained_on(make_settings, make_labels):
    labels = make_labels(90, 90, 90)
    official = np.zeros(270, dtype=np.bool_)
    for label, count in enumerate((5, 20, 10)):
        official[np.flatnonzero(labels == label)[:count]] = True
    assignments = draw(make_settings, labels, official)
    used = examples_by_client(assignments, "global_test")[EVERYONE]
    assert np.bincount(labels[used]).tolist() == [5, 5, 5]
    assert official[used].all()
    others = assignments.loc[assignments["split"] != "global_test", "example"]
    assert not official[others].any()


@pytest.mark.parametrize("official", [None, np.arange(270) < 1])
def test_a_data_set_without_a_test_set_of_its_own_is_refused(make_settings, make_labels, official):
    with pytest.raises(UserError, match=r"partition\.global_test_size is all, but"):
        draw(make_settings, make_labels(90, 90, 90), official)
