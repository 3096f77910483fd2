"""The error of everything that reads or stores data."""

from __future__ import annotations

from kedro.io import DatasetError

from fedexperts.errors import UserError


class DataError(UserError, DatasetError):
    """A file is not there, not whole, or not what it has to be.

    It is a :class:`kedro.io.DatasetError` too, because Kedro wraps any other error in one of its own, and the
    message that the user needs would no longer stand first.
    """
