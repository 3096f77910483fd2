"""What all sources of raw data have in common."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset

from fedexperts.datasets.errors import DataError
from fedexperts.errors import UserError

if TYPE_CHECKING:
    import os

    from fedexperts.examples import Examples

HAND_OVER = "or name the place where you have it with --params data.path=/the/place"


class RawSource(AbstractDataset[NoReturn, "Examples"]):
    """Labelled examples that are read and never written.

    All that a source holds is read, whatever splits it comes in: the partition makes its own, so that every
    split of every client is disjoint.
    """

    def __init__(
        self,
        *,
        filepath: str | os.PathLike[str] | None = None,
        path: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Say where the data lies.

        Args:
            filepath: The folder of this data set in the project, where downloads are kept.
            path: The user's own place for the data, which goes before ``filepath``; nothing is downloaded
                to it.
            metadata: Whatever other tools want to know, such as Kedro-Viz.
        """
        self._filepath = None if filepath is None else Path(filepath)
        self._path = path
        self.metadata = metadata

    @abstractmethod
    def read(self) -> Examples:
        """Read all examples.

        Raises:
            UserError: If something is missing, damaged, or not as it has to be.
        """

    def load(self) -> Examples:
        """Read all examples.

        Raises:
            DataError: If something is missing, damaged, or not as it has to be.
        """
        try:
            return self.read()
        except DataError:
            raise
        except (UserError, OSError) as error:  # the latter for a name that is too long, or no permission
            raise DataError(f"{self._path or self._filepath or type(self).__name__}: {error}") from error

    def save(self, data: NoReturn) -> None:
        """Refuse: raw data is not ours to change.

        Raises:
            DataError: Always.
        """
        raise DataError(f"raw data is read only, and {type(data).__name__} was to be saved to it")

    def _exists(self) -> bool:
        place = self._path or self._filepath
        return place is None or Path(place).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": None if self._filepath is None else str(self._filepath), "path": self._path}
