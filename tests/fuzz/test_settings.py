"""Settings that cannot be used are refused with their names, whatever is wrong with them."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fedexperts.configuration import Origins, check_parameters
from fedexperts.errors import UserError

HERE = Path(__file__).parent
bad = runpy.run_path(str(HERE / "bad_settings.py"))
small = runpy.run_path(str(HERE.parent / "fixtures_small.py"))
ROOT = HERE.parents[1]
ORIGINS = Origins(ROOT, [ROOT / "conf" / "base"], {})
MORE = int(os.environ.get("FEDEXPERTS_FUZZ", "1"))  # how many times as many

many = settings(
    max_examples=80 * MORE,
    deadline=None,
    derandomize=MORE == 1,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def refusal(changes, removed=()):
    """The message that settings are refused with, a line per problem after the heading."""
    parameters = small["plain_parameters"](changes)
    for key in removed:
        *path, last = key.split(".")
        group = parameters
        for part in path:
            group = group[part]
        group.pop(last, None)
    with pytest.raises(UserError) as caught:
        check_parameters(parameters, ORIGINS)
    message = str(caught.value)
    assert "cannot be used; nothing was run" in message.splitlines()[0]
    return message


def assert_told(message, key, place=".yml"):
    """The line of a key names its file, and says what is allowed in not too many words."""
    lines = [line for line in message.splitlines()[1:] if line.split(": ")[1] == key]
    assert lines, message
    for line in lines:
        assert place in line.split(": ")[0]
        assert 20 < len(line) < 1200


@many
@given(bad["wrong_value"]())
def test_a_value_that_is_not_allowed(changed):
    key, value = changed
    assert_told(refusal({key: value}), key)


@many
@given(bad["unknown_key"]())
def test_a_key_that_there_is_not(changed):
    key, value = changed
    message = refusal({key: value})
    assert_told(message, key, place="" if "." not in key else ".yml")
    assert "there is no such setting" in message


@many
@given(bad["missing_key"])
def test_a_key_that_is_missing(key):
    assume(key not in {"model.specialist", "personalization.gate_learning_rate"})  # these may be left out
    assert_told(refusal({}, removed=[key]), key, place="")


@many
@given(bad["unknown_name"])
def test_a_name_that_leads_nowhere(changed):
    key, value = changed
    assert_told(refusal({key: value}), key)


@settings(max_examples=18, deadline=None)
@given(bad["contradiction"])
def test_settings_that_contradict_each_other(case):
    changes, key = case
    assert_told(refusal(changes), key)


@many
@given(
    st.lists(bad["wrong_value"](), min_size=2, max_size=6, unique_by=lambda change: change[0]),
    bad["unknown_key"](),
)
def test_several_mistakes_are_told_at_once(wrong, unknown):
    message = refusal({**dict(wrong), unknown[0]: unknown[1]})
    for key in [*(key for key, _ in wrong), unknown[0]]:
        assert_told(message, key, place="")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 10**5000}, "a number of thousands of digits"),
        ({"model.expert": "\ud800"}, "bytes that are no text"),
        ({"personalization.methods": ["local", "\udcff"]}, "bytes that are no text"),
        ({1: 2}, "the name of a setting has to be text"),
        ({None: 2}, "the name of a setting has to be text"),
    ],
)
def test_values_that_cannot_even_be_shown(changes, words):
    parameters = small["plain_parameters"](
        {key: value for key, value in changes.items() if isinstance(key, str)}
    )
    parameters |= {key: value for key, value in changes.items() if not isinstance(key, str)}
    with pytest.raises(UserError, match=words):
        check_parameters(parameters, ORIGINS)


def test_every_number_has_an_upper_end_as_well_as_a_lower_one():
    for key, field in bad["LEAVES"].items():
        for kind, found in bad["branches"](field.annotation, tuple(field.metadata)):
            if kind in {int, float}:
                names = {type(limit).__name__ for limit in found}
                assert names & {"Ge", "Gt"}, key
                assert names & {"Le", "Lt"}, key
