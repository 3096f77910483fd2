"""A matrix in a file is the matrix that was written."""

from __future__ import annotations

import numpy as np
import pytest

from fedexperts.storage.rows import Rows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_where_they_were_put_whatever_the_order(dtype, tmp_path):
    matrix = np.random.default_rng(0).standard_normal((9, 5)).astype(dtype)
    rows = Rows(9, 5, dtype, tmp_path)
    for places in ([8, 0, 3], [5], [1, 2, 4, 7, 6]):
        rows.write(np.array(places), matrix[places])
    found = rows.read()
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, matrix)


def test_what_was_read_outlives_the_object_and_no_file_is_left(tmp_path):
    rows = Rows(1, 2, np.float32, tmp_path / "new")
    rows.write([0], np.ones((1, 2), np.float32))
    found = rows.read()
    del rows
    assert found.tolist() == [[1.0, 1.0]]
    assert list((tmp_path / "new").iterdir()) == []
