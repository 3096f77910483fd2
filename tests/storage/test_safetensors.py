"""Arrays at rest: what was written is read, by us and by others, and anything else is recognised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from fedexperts.errors import UserError
from fedexperts.storage import safetensors
from fedexperts.storage.safetensors import read_arrays, write_arrays

ARRAYS = {
    "weights": np.arange(12, dtype=np.float32).reshape(3, 4),
    "ids": np.array([5, 7], dtype=np.int64),
    "flags": np.array([True, False, True]),
    "nothing": np.empty((0, 3), dtype=np.float64),
    "scalar": np.array(2.5),
}
TEXT = {"lineage": '{"seed": 1}', "é": "ü"}


@pytest.fixture
def path(tmp_path):
    write_arrays(tmp_path / "file", ARRAYS, TEXT)
    return tmp_path / "file"


def test_other_readers_of_the_format_read_it(path):
    found = load_file(path)
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@given(st.data())
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_file_in_which_any_bit_has_changed_is_refused(path, data):
    content = bytearray(path.read_bytes())
    place, bit = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(0, 7))
    content[place] ^= 1 << bit
    changed = path.with_name("changed")
    changed.write_bytes(content)
    with pytest.raises(UserError, match="changed is damaged"):
        read_arrays(changed)


@given(st.integers(0, 10_000))
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_file_cut_short_anywhere_is_refused(path, kept):
    content = path.read_bytes()
    cut = path.with_name("cut")
    cut.write_bytes(content[: kept % len(content)])
    with pytest.raises(UserError, match="cut is damaged"):
        read_arrays(cut)


def test_large_arrays_of_any_layout_are_written_piece_by_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(safetensors, "BLOCK", 64)
    rows = np.arange(7 * 30, dtype=np.float64).reshape(7, 30)
    views = {
        "middle": rows[:, 4:9].reshape(7, 5),
        "across": rows.T,
        "back": rows[::-1, ::3],
        "one": rows[0, 0],
    }
    write_arrays(tmp_path / "file", views, {})
    found, _ = read_arrays(tmp_path / "file")
    for name, view in views.items():
        np.testing.assert_array_equal(found[name], view)


def test_bytes_are_the_same_on_every_machine(tmp_path):
    for name, array in (("little", np.array([1, 2], "<i4")), ("big", np.array([1, 2], ">i4"))):
        write_arrays(tmp_path / name, {"a": array}, {})
    assert (tmp_path / "little").read_bytes() == (tmp_path / "big").read_bytes()


def test_changing_what_was_read_does_not_change_the_file(path):
    before = path.read_bytes()
    found, _ = read_arrays(path)
    found["weights"][:] = -1
    assert path.read_bytes() == before
    np.testing.assert_array_equal(read_arrays(path)[0]["weights"], ARRAYS["weights"])


def test_what_was_read_outlives_its_replacement(path):
    found, _ = read_arrays(path)
    write_arrays(path, {"weights": np.zeros(2)}, {})
    np.testing.assert_array_equal(found["weights"], ARRAYS["weights"])
