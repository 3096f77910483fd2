"""The image benchmarks that torchvision knows, read from the very files that torchvision downloads.

The files are read here and not by torchvision, because it reads the IDX files only once they are unpacked on
disk, and because reading data should not have to import torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fedexperts.datasets.benchmarks import BENCHMARKS, CifarBenchmark, IdxBenchmark
from fedexperts.datasets.cifar import read_cifar
from fedexperts.datasets.downloads import RemoteFile, fetch, verify
from fedexperts.datasets.errors import DataError
from fedexperts.datasets.idx import read_idx
from fedexperts.datasets.source import RawSource
from fedexperts.examples import Examples
from fedexperts.registry import check_known

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray


class TorchvisionDataset(RawSource):
    """MNIST, Fashion-MNIST, CIFAR-10 or CIFAR-100: training and test images together.

    The files may lie in the folder itself, or where torchvision puts them in it; the IDX files of the MNIST
    family may be gzipped or not. What is missing in the project's own folder is downloaded, once.

    Example::

        raw_data:
          type: fedexperts.datasets.torchvision.TorchvisionDataset
          dataset: fashion_mnist
          filepath: data/01_raw/fashion_mnist
    """

    def __init__(
        self,
        *,
        dataset: str,
        filepath: str | os.PathLike[str],
        path: str | None = None,
        verify: bool = True,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Say which benchmark, and where it lies.

        Args:
            dataset: ``mnist``, ``fashion_mnist``, ``cifar10`` or ``cifar100``.
            filepath: The folder of this data set in the project, where downloads are kept.
            path: The user's own folder, or archive of CIFAR, which goes before ``filepath``.
            verify: Whether gzipped IDX files must be the official ones. CIFAR's must in any case.
            metadata: Whatever other tools want to know, such as Kedro-Viz.

        Raises:
            UserError: If there is no such benchmark.
        """
        super().__init__(filepath=filepath, path=path, metadata=metadata)
        check_known("benchmark of torchvision", dataset, BENCHMARKS)
        self._dataset = dataset
        self._verify = verify
        self._folder = Path(filepath)

    def read(self) -> Examples:
        """Read all images: features ``[images, channels, height, width]``, uint8.

        Raises:
            DataError: If a file is missing and cannot be had, is damaged, or is not the official one.
        """
        benchmark = BENCHMARKS[self._dataset]
        if isinstance(benchmark, IdxBenchmark):
            return self._read_idx_files(benchmark)
        return read_cifar(benchmark, self._cifar_place(benchmark))

    def _read_idx_files(self, benchmark: IdxBenchmark) -> Examples:
        features: list[NDArray[np.uint8]] = []
        labels: list[NDArray[np.uint8]] = []
        for image_file, label_file in benchmark.files:
            image_path, label_path = (self._idx_path(benchmark, file) for file in (image_file, label_file))
            features.append(read_idx(image_path, dimensions=3))
            labels.append(read_idx(label_path, dimensions=1))
            if len(features[-1]) != len(labels[-1]):
                raise DataError(
                    f"{image_path} holds {len(features[-1])} images, "
                    f"but {label_path} holds {len(labels[-1])} labels"
                )
        sizes = {images.shape[1:] for images in features}
        if len(sizes) > 1 or 0 in min(sizes):
            found = " and ".join(" x ".join(map(str, size)) for size in sorted(sizes))
            raise DataError(
                f"{self._path or self._folder} holds images of {found} pixels; all must be of one size"
            )
        parts = [np.full(len(part), place > 0) for place, part in enumerate(labels)]  # train first, then test
        return Examples(
            np.concatenate(features)[:, np.newaxis],
            np.concatenate(labels).astype(np.int64),
            benchmark.class_names,
            official_test=np.concatenate(parts),
        )

    def _idx_path(self, benchmark: IdxBenchmark, file: RemoteFile) -> Path:
        names = (file.name, file.name.removesuffix(".gz"))
        found = self._find(
            file, [f"{prefix}{name}" for prefix in ("", f"{benchmark.folder}/raw/") for name in names]
        )
        if found.suffix == ".gz" and self._verify:
            verify(
                found, file.checksum, f"If it is meant to differ, set verify: false. {self._by_hand(file)}"
            )
        return found

    def _cifar_place(self, benchmark: CifarBenchmark) -> Path:
        if self._path is not None and Path(self._path).is_file():
            return Path(self._path)
        # a folder counts as unpacked if any batch is in it; read_cifar then tells which ones are not
        first = next(iter(benchmark.batches))
        candidates = [benchmark.archive.name, f"{benchmark.folder}/{first}", first]
        found = self._find(benchmark.archive, candidates)
        return found.parent if found.name == first else found

    def _find(self, file: RemoteFile, names: list[str]) -> Path:
        """Find a file under one of its names, or fetch it."""
        root = Path(self._path or self._folder)
        found = next((root / name for name in names if (root / name).is_file()), None)
        if found is not None:
            return found
        if self._path is None:
            return fetch(file, root)
        raise DataError(
            f"there is no {file.name} in {root}, nor any of {', '.join(names[1:])}. {self._by_hand(file)}"
        )

    def _by_hand(self, file: RemoteFile) -> str:
        return file.by_hand(self._folder)

    def _describe(self) -> dict[str, Any]:
        return {"dataset": self._dataset, **super()._describe()}
