"""Your own images: a folder, or a tar archive, with one folder per class."""

from __future__ import annotations

import io
import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fedexperts.datasets.errors import DataError
from fedexperts.datasets.members import Listing, Member, listed
from fedexperts.datasets.source import HAND_OVER, RawSource
from fedexperts.examples import Examples
from fedexperts.progress import progress

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray
    from PIL.ImageFile import ImageFile

logger = logging.getLogger(__name__)

LAYOUT = "Images lie in <class>/<file> or <split>/<class>/<file>, in a folder or a tar archive"
MODES = {1: "L", 3: "RGB"}
MOST_PIXELS = 50_000_000


class ImagesDataset(RawSource):
    """Images in ``<class>/<file>`` or ``<split>/<class>/<file>``, in a folder or a tar archive.

    A folder may also hold one archive per split. The class of an image is the name of the folder it lies in;
    the splits are put together. Any format that Pillow reads will do.

    Example::

        raw_data:
          type: fedexperts.datasets.images.ImagesDataset
          filepath: data/01_raw/images
          image_size: [32, 32]
          channels: 3
    """

    def __init__(
        self,
        *,
        filepath: str | os.PathLike[str],
        path: str | None = None,
        image_size: int | list[int] | None = None,
        channels: int | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Say where the images lie, and what to make of them.

        Args:
            filepath: The folder of this data set in the project.
            path: The user's own folder or archive, which goes before ``filepath``.
            image_size: Height and width in pixels to scale all images to, or one number for both; None if
                they are all of one size.
            channels: 1 to turn all images grey, 3 for red, green and blue; None if they are all alike.
            metadata: Whatever other tools want to know, such as Kedro-Viz.

        Raises:
            DataError: If size or channels make no sense.
        """
        super().__init__(filepath=filepath, path=path, metadata=metadata)
        size = [image_size, image_size] if isinstance(image_size, int) else image_size
        if size is not None and (len(size) != 2 or min(size) < 1):
            raise DataError(f"image_size must be height and width in pixels, or one number, not {image_size}")
        if channels is not None and channels not in MODES:
            raise DataError(f"channels must be 1 or 3, not {channels}")
        self._place = Path(path or filepath)
        self._size = None if size is None else (size[0], size[1])
        self._channels = channels

    def read(self) -> Examples:
        """Read all images: features ``[images, channels, height, width]``, uint8, ordered by their names.

        Raises:
            DataError: If there are none, one cannot be read, they are not alike, or a class is empty.
        """
        if not self._place.exists():
            raise DataError(f"there are no images in {self._place}. {LAYOUT}. Put them there, {HAND_OVER}")
        with listed(self._place) as listing:
            names = _class_names(self._place, listing)
            decoded: list[tuple[Member, NDArray[np.uint8]]] = []
            with progress("Images", len(listing.files)) as report:
                for number, member in enumerate(listing.files, start=1):
                    decoded.append((member, decode(member, self._size, self._channels)))
                    _check_alike(decoded[0], decoded[-1])
                    report(number, "reading")
        # an order that does not depend on how the archive was packed
        decoded.sort(key=lambda pair: pair[0].parts)
        number_of = {name: number for number, name in enumerate(names)}
        labels = np.array([number_of[member.parts[-2]] for member, _ in decoded], dtype=np.int64)
        in_test = np.array([member.parts[-3:-2] == ("test",) for member, _ in decoded])
        features = np.stack([image for _, image in decoded])
        return Examples(features, labels, names, official_test=in_test if in_test.any() else None)

    def _describe(self) -> dict[str, Any]:
        return {**super()._describe(), "image_size": self._size, "channels": self._channels}


def decode(member: Member, size: tuple[int, int] | None, channels: int | None) -> NDArray[np.uint8]:
    """Turn the content of an image file into pixels.

    Args:
        member: The file.
        size: Height and width to scale to, if any.
        channels: 1 or 3, to turn into, if any.

    Returns:
        ``[channels, height, width]``.

    Raises:
        DataError: If it is no image, is damaged, or has colours that need ``channels``.
    """
    from PIL import Image  # noqa: PLC0415 - slow to import, and needed here only

    try:
        with Image.open(io.BytesIO(member.read())) as image:
            converted = image.convert(_checked_mode(member, image, channels))
    except (DataError, MemoryError):
        raise
    except Exception as error:  # the many formats of Pillow fail in all ways that there are
        raise DataError(f"{member.origin} cannot be read as an image: {error}") from error
    if size is not None:
        converted = converted.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    pixels = np.asarray(converted)
    return pixels[np.newaxis] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _checked_mode(member: Member, image: ImageFile, channels: int | None) -> str:
    """Refuse what cannot be turned into pixels, and name the kind of colours to turn it into."""
    # before anything is decoded: a file of a few bytes can stand for more pixels than there is room for
    if not 0 < image.width * image.height <= MOST_PIXELS:
        raise DataError(
            f"{member.origin} has {image.height} x {image.width} pixels; images have at least one, "
            f"and at most {MOST_PIXELS:,}"
        )
    if image.mode.startswith(("I", "F")):
        # Pillow would cut these off at 255 instead of scaling them
        raise DataError(f"{member.origin} has more than 8 bits per colour; convert the images first")
    mode = image.mode if channels is None else MODES[channels]
    if mode not in MODES.values():
        raise DataError(
            f"{member.origin} has colours of the kind {mode}; set channels to 1 (grey) or 3 (colour) "
            "in the catalog, and all images are converted"
        )
    return mode


def _class_names(place: Path, listing: Listing) -> tuple[str, ...]:
    """Find the classes, and make sure that each one has images."""
    depths = {len(member.parts): member for member in listing.files}
    if not depths or min(depths) < 2:
        raise DataError(f"there are no images in folders of their classes in {place}. {LAYOUT}")
    if len(depths) > 1:
        found = " and ".join(member.origin for _, member in sorted(depths.items()))
        raise DataError(f"the images must all lie equally deep, but there are {found}. {LAYOUT}")
    (depth,) = depths
    counts = Counter(member.parts[-2] for member in listing.files)
    empty = {parts[-1] for parts in listing.folders if len(parts) == depth - 1} - counts.keys()
    if empty:
        names = ", ".join(sorted(empty))
        raise DataError(f"there are no images of the class {names} in {place}; delete its folder, or fill it")
    logger.info("%s: %d images of %d classes", place, len(listing.files), len(counts))
    return tuple(sorted(counts))


def _check_alike(first: tuple[Member, NDArray[np.uint8]], other: tuple[Member, NDArray[np.uint8]]) -> None:
    if first[1].shape != other[1].shape:
        sizes = " but ".join(
            f"{member.origin} has {pixels.shape[0]} channels of {pixels.shape[1]} x {pixels.shape[2]} pixels"
            for member, pixels in (first, other)
        )
        raise DataError(
            f"all images must be alike: {sizes}; set image_size or channels in the catalog to convert them"
        )
