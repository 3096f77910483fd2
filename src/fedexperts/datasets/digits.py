"""The handwritten digits that come with scikit-learn: no download, no files."""

from __future__ import annotations

import numpy as np

from fedexperts.datasets.errors import DataError
from fedexperts.datasets.source import RawSource
from fedexperts.examples import Examples


class DigitsDataset(RawSource):
    """1,797 handwritten digits of 8 x 8 pixels in 17 shades of grey.

    The test part of the UCI "Optical recognition of handwritten digits" (Alpaydin and Kaynak, 1998).
    """

    def read(self) -> Examples:
        """Read all digits: features ``[1797, 1, 8, 8]``, uint8 from 0 to 16.

        Raises:
            DataError: If a path was given.
        """
        if self._path is not None:
            raise DataError(
                f"data.path is {self._path}, but the digits come with scikit-learn and are read from nowhere "
                "else; leave it out, or choose another data set with --env, such as --env images"
            )
        from sklearn.datasets import load_digits  # noqa: PLC0415 - slow to import, and needed here only

        digits = load_digits()
        features = digits.images.astype(np.uint8)[:, np.newaxis]
        return Examples(
            features, digits.target.astype(np.int64), tuple(str(name) for name in digits.target_names)
        )
