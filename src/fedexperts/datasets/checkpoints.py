"""The folder of unfinished work, as an entry of the catalog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractDataset

from fedexperts.datasets.errors import DataError
from fedexperts.storage.checkpoints import Checkpoints

if TYPE_CHECKING:
    import os

    from fedexperts.storage.checkpoints import Resume


class CheckpointsDataset(AbstractDataset[None, Checkpoints]):
    """Where nodes leave what the same run can go on from; it is emptied when the run has ended well."""

    def __init__(self, *, filepath: str | os.PathLike[str], metadata: dict[str, Any] | None = None) -> None:
        """Describe the folder.

        Args:
            filepath: Where it is, on this machine.
            metadata: Whatever other tools want to know, such as Kedro-Viz.
        """
        self._filepath = Path(filepath)
        self._checkpoints = Checkpoints(self._filepath, owner="")
        self.metadata = metadata

    def begin(self, owner: str, resume: Resume) -> None:
        """Note which run works now, and whether it goes on from what is there."""
        self._checkpoints = Checkpoints(self._filepath, owner, resume)

    def load(self) -> Checkpoints:
        """Open the folder."""
        return self._checkpoints

    def save(self, data: None) -> None:  # noqa: ARG002 - Kedro's signature
        """Refuse: nodes store through what they loaded.

        Raises:
            DataError: Always.
        """
        raise DataError(
            f"{self._filepath} is no output; nodes keep their unfinished work there by themselves"
        )

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
