"""Stages of different runs are not mixed up."""

from __future__ import annotations

import pytest

from fedexperts.errors import UserError
from fedexperts.provenance.lineage import REMEDY, check_lineage

STORED = dict.fromkeys(REMEDY, "as trained")


def test_what_belongs_together_passes():
    check_lineage("specialists", STORED, {"partition": "as trained"}, "specialist_training")
    check_lineage("specialists", STORED, STORED, "specialist_training")


@pytest.mark.parametrize("key", REMEDY)
def test_a_difference_is_explained_with_the_pipeline_to_run(key):
    with pytest.raises(UserError) as caught:
        check_lineage("specialists", STORED, {**STORED, key: "another"}, "specialist_training")
    message = str(caught.value)
    assert "the stored specialists cannot be used" in message
    assert REMEDY[key] in message
    assert "kedro run --pipelines specialist_training" in message
    assert not any(other in message for name, other in REMEDY.items() if name != key)


def test_all_differences_are_named_at_once():
    with pytest.raises(UserError) as caught:
        check_lineage("generalist", {"settings": "{}"}, dict.fromkeys(REMEDY, "x"), "federated_training")
    assert all(reason in str(caught.value) for reason in REMEDY.values())


def test_what_was_never_trained_is_said_to_be_missing():
    with pytest.raises(UserError, match=r"^no stored mixtures yet; .*kedro run --pipelines gate_training"):
        check_lineage("mixtures", {}, STORED, "gate_training")
