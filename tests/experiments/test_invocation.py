"""A run as a command line, which says what was asked for."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedexperts.commands.overrides import parse_overrides
from fedexperts.errors import UserError
from fedexperts.experiments.invocation import kedro_run

WORDS = st.text(st.characters(exclude_characters="$", exclude_categories=["C", "Z"]), min_size=0, max_size=8)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    WORDS,
    st.sampled_from(
        ["1", "1e-5", "true", "null", "", "a b", "a=b", "it's", '"', "all", "~", "0x1", "2020-01-01"]
    ),
    st.sampled_from(["a,b", "[a", "{a: b}", ' "a,', "\\]"]),
)

VALUES = st.one_of(SCALARS, st.lists(SCALARS), st.lists(st.lists(SCALARS, max_size=3), max_size=3))


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), VALUES, min_size=1))
def test_the_command_line_is_read_back_as_what_was_written(settings):
    arguments = kedro_run(
        "test", ["one", "two"], {f"group.{name}": value for name, value in settings.items()}
    )
    again = shlex.split(shlex.join(arguments))
    assert again == arguments
    assert arguments[:6] == ["kedro", "run", "--env", "test", "--pipelines", "one,two"]
    assert parse_overrides(again[7]) == {"group": settings}


def test_versions_are_named():
    arguments = kedro_run("test", ["one"], {}, {"x": "2026", "y": "2027"})
    assert arguments[-2:] == ["--load-versions", "x:2026,y:2027"]
    assert "--params" not in arguments


def test_a_text_that_refers_to_another_setting_is_refused():
    with pytest.raises(UserError, match=r"data\.path"):
        kedro_run("test", ["one"], {"data.path": "${a}"})
