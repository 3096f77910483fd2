"""The image benchmarks that torchvision knows: their files, addresses and checksums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedexperts.datasets.downloads import RemoteFile

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class IdxBenchmark:
    """A benchmark of four gzipped IDX files: images and labels of two splits.

    Attributes:
        folder: The folder that torchvision keeps it in.
        files: Images and labels of each split.
        class_names: In the order of the labels.
    """

    folder: str
    files: tuple[tuple[RemoteFile, RemoteFile], ...]
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class CifarBenchmark:
    """A benchmark of pickled batches in one archive.

    Attributes:
        archive: The archive.
        folder: The folder in the archive.
        batches: MD5 checksum of each batch.
        names: The file with the names of the classes, and its MD5 checksum.
        labels_key: What the labels are called in a batch.
        names_key: What the class names are called in their file.
    """

    archive: RemoteFile
    folder: str
    batches: Mapping[str, str]
    names: tuple[str, str]
    labels_key: str
    names_key: str


def _idx_files(
    mirrors: tuple[str, ...], page: str, checksums: Mapping[str, tuple[str, str]]
) -> tuple[tuple[RemoteFile, RemoteFile], ...]:
    def remote(name: str, md5: str) -> RemoteFile:
        return RemoteFile(f"{name}.gz", tuple(f"{mirror}{name}.gz" for mirror in mirrors), f"md5:{md5}", page)

    return tuple(
        (remote(f"{split}-images-idx3-ubyte", images), remote(f"{split}-labels-idx1-ubyte", labels))
        for split, (images, labels) in checksums.items()
    )


CIFAR_PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"

# Addresses and checksums are those of torchvision 0.29, `torchvision/datasets/{mnist,cifar}.py`.
BENCHMARKS: dict[str, IdxBenchmark | CifarBenchmark] = {
    "mnist": IdxBenchmark(
        folder="MNIST",
        files=_idx_files(
            ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            {
                "train": ("f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432"),
                "t10k": ("9fb629c4189551a2d022fa330f9573f3", "ec29112dd5afa0611ce80d1b7f02629c"),
            },
        ),
        class_names=tuple("0123456789"),
    ),
    "fashion_mnist": IdxBenchmark(
        folder="FashionMNIST",
        files=_idx_files(
            ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
            "https://github.com/zalandoresearch/fashion-mnist",
            {
                "train": ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe"),
                "t10k": ("bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310"),
            },
        ),
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
    ),
    "cifar10": CifarBenchmark(
        archive=RemoteFile(
            "cifar-10-python.tar.gz",
            ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
            "md5:c58f30108f718f92721af3b95e74349a",
            CIFAR_PAGE,
        ),
        folder="cifar-10-batches-py",
        batches={
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "40351d587109b95175f43aff81a1287e",
        },
        names=("batches.meta", "5ff9c542aee3614f3951f8cda6e48888"),
        labels_key="labels",
        names_key="label_names",
    ),
    "cifar100": CifarBenchmark(
        archive=RemoteFile(
            "cifar-100-python.tar.gz",
            ("https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",),
            "md5:eb9058c3a382ffc7106e4002c42a8d85",
            CIFAR_PAGE,
        ),
        folder="cifar-100-python",
        batches={"train": "16019d7e3df5f24257cddd939b257f8d", "test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
        names=("meta", "7973b15100ade9c7d40fb424638fde48"),
        labels_key="fine_labels",
        names_key="fine_label_names",
    ),
}
