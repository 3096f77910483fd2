"""The benchmarks of torchvision, from tiny files in their original formats."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import pickle
import tarfile

import numpy as np
import pytest

from fedexperts.datasets.benchmarks import BENCHMARKS
from fedexperts.datasets.cifar import read_cifar
from fedexperts.datasets.errors import DataError
from fedexperts.datasets.idx import read_idx
from fedexperts.datasets.torchvision import TorchvisionDataset
from fedexperts.errors import UserError

RNG = np.random.default_rng(0)
SIZES = {"train": 20, "t10k": 10}


def idx_bytes(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.tobytes()


@pytest.fixture
def idx_files():
    """The content of each file of a benchmark, by its name without .gz."""
    files = {}
    for split, size in SIZES.items():
        files[f"{split}-images-idx3-ubyte"] = RNG.integers(0, 256, (size, 4, 5), dtype=np.uint8)
        files[f"{split}-labels-idx1-ubyte"] = np.arange(size, dtype=np.uint8) % 10
    return files


def write_idx(folder, files, *, zipped):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in files.items():
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))
        else:
            (folder / name).write_bytes(idx_bytes(array))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("below", ["", "FashionMNIST/raw"])
def test_idx_files_wherever_they_lie(tmp_path, idx_files, zipped, below):
    write_idx(tmp_path / below, idx_files, zipped=zipped)
    dataset = TorchvisionDataset(
        dataset="fashion_mnist", filepath="not/used", path=str(tmp_path), verify=not zipped
    )
    examples = dataset.load()
    assert examples.features.shape == (30, 1, 4, 5)
    assert examples.features.dtype == np.uint8
    np.testing.assert_array_equal(examples.features[20:, 0], idx_files["t10k-images-idx3-ubyte"])
    np.testing.assert_array_equal(examples.labels, [*range(10), *range(10), *range(10)])
    assert examples.class_names[0] == "T-shirt/top"
    np.testing.assert_array_equal(examples.official_test, np.arange(30) >= 20)


def test_a_gzipped_file_that_is_not_the_official_one(tmp_path, idx_files):
    write_idx(tmp_path, idx_files, zipped=True)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is damaged.*verify: false.*by hand"):
        TorchvisionDataset(dataset="mnist", filepath="x", path=str(tmp_path)).load()


def test_a_missing_file_of_ones_own(tmp_path, idx_files):
    del idx_files["t10k-labels-idx1-ubyte"]
    write_idx(tmp_path, idx_files, zipped=False)
    with pytest.raises(DataError, match=r"no t10k-labels-idx1-ubyte\.gz in .*put it into x"):
        TorchvisionDataset(dataset="mnist", filepath="x", path=str(tmp_path)).load()


def test_images_without_labels(tmp_path, idx_files):
    idx_files["train-labels-idx1-ubyte"] = idx_files["train-labels-idx1-ubyte"][:-1]
    write_idx(tmp_path, idx_files, zipped=False)
    with pytest.raises(DataError, match=r"20 images, but .*train-labels-idx1-ubyte holds 19 labels"):
        TorchvisionDataset(dataset="mnist", filepath=tmp_path).load()


def test_downloaded_once_into_the_projects_folder(tmp_path, idx_files, monkeypatch):
    served, kept = tmp_path / "served", tmp_path / "kept"
    write_idx(served, idx_files, zipped=True)

    def local(file):
        md5 = hashlib.md5((served / file.name).read_bytes(), usedforsecurity=False).hexdigest()
        return dataclasses.replace(file, urls=(f"file://{served / file.name}",), checksum=f"md5:{md5}")

    benchmark = BENCHMARKS["mnist"]
    files = tuple(tuple(map(local, pair)) for pair in benchmark.files)
    monkeypatch.setitem(BENCHMARKS, "mnist", dataclasses.replace(benchmark, files=files))
    dataset = TorchvisionDataset(dataset="mnist", filepath=kept)
    assert not dataset.exists()
    dataset.load()
    for file in served.iterdir():
        file.unlink()
    assert len(dataset.load()) == 30
    assert dataset.exists()
    assert len(list(kept.iterdir())) == 4


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: whole[:-1], "39 of 40 values"),
        (lambda whole: whole + b"1", "more than 40 values"),
        (lambda whole: whole[:10], "no IDX file of bytes in 3 dimensions"),
        (lambda whole: b"<html>" + whole, "no IDX file"),
    ],
)
def test_a_damaged_idx_file(tmp_path, damage, message):
    path = tmp_path / "images"
    path.write_bytes(damage(idx_bytes(np.zeros((2, 4, 5), np.uint8))))
    with pytest.raises(DataError, match=message):
        read_idx(path, dimensions=3)


@pytest.mark.parametrize(
    "damage", [lambda whole: whole[:-9], lambda _: b"no gzip", lambda w: w[:12] + b"?" + w[13:]]
)
def test_a_damaged_gzip_file(tmp_path, damage):
    path = tmp_path / "images.gz"
    path.write_bytes(damage(gzip.compress(idx_bytes(np.zeros((2, 4, 5), np.uint8)))))
    with pytest.raises(DataError, match=r"images\.gz is damaged or incomplete"):
        read_idx(path, dimensions=3)


def test_an_unknown_benchmark():
    with pytest.raises(UserError, match="Did you mean 'cifar10'"):
        TorchvisionDataset(dataset="cifar-10", filepath="x")


# CIFAR


def batch(benchmark, size):
    data = RNG.integers(0, 256, (size, 3072), dtype=np.uint8)
    return pickle.dumps({"data": data, benchmark.labels_key: [number % 3 for number in range(size)]})


@pytest.fixture(params=["cifar10", "cifar100"])
def cifar(request, monkeypatch):
    """A benchmark of four images a batch, and its files."""
    benchmark = BENCHMARKS[request.param]
    files = {name: batch(benchmark, 4) for name in benchmark.batches}
    names, _ = benchmark.names
    files[names] = pickle.dumps({benchmark.names_key: ["cat", "dog", "frog"]})
    sums = {name: hashlib.md5(content, usedforsecurity=False).hexdigest() for name, content in files.items()}
    tiny = dataclasses.replace(
        benchmark,
        batches={name: sums[name] for name in benchmark.batches},
        names=(names, sums[names]),
        archive=dataclasses.replace(benchmark.archive, urls=("file:///not/here",)),
    )
    monkeypatch.setitem(BENCHMARKS, request.param, tiny)
    return request.param, tiny, files


def write_archive(path, folder, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize("form", ["archive", "named archive", "unpacked", "unpacked here"])
def test_cifar_wherever_it_lies(tmp_path, cifar, form):
    name, benchmark, files = cifar
    path = tmp_path
    if "archive" in form:
        write_archive(tmp_path / benchmark.archive.name, benchmark.folder, files)
        path = tmp_path / benchmark.archive.name if form == "named archive" else tmp_path
    else:
        folder = tmp_path if form == "unpacked here" else tmp_path / benchmark.folder
        folder.mkdir(exist_ok=True)
        for file, content in files.items():
            (folder / file).write_bytes(content)
    examples = TorchvisionDataset(dataset=name, filepath="not/used", path=str(path)).load()
    batches = len(benchmark.batches)
    assert examples.features.shape == (4 * batches, 3, 32, 32)
    assert examples.labels.tolist() == [0, 1, 2, 0] * batches
    assert examples.class_names == ("cat", "dog", "frog")
    np.testing.assert_array_equal(examples.official_test, np.arange(4 * batches) >= 4 * (batches - 1))
    first = pickle.loads(files[next(iter(benchmark.batches))])["data"][0]  # noqa: S301
    np.testing.assert_array_equal(examples.features[0].ravel(), first)


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("a pickle that is not the official one was loaded",)


@pytest.mark.parametrize("packed", [True, False])
def test_nothing_unverified_is_unpickled(tmp_path, cifar, packed):
    _, benchmark, files = cifar
    files[next(iter(benchmark.batches))] = pickle.dumps(Bomb())
    place = tmp_path / "archive.tar.gz" if packed else tmp_path
    if packed:
        write_archive(place, benchmark.folder, files)
    else:
        for file, content in files.items():
            (place / file).write_bytes(content)
    with pytest.raises(DataError, match=r"is damaged, incomplete or another file.*official file"):
        read_cifar(benchmark, place)


def test_a_cifar_archive_that_breaks_off(tmp_path, cifar):
    _, benchmark, files = cifar
    path = tmp_path / "cifar.tar.gz"
    write_archive(path, benchmark.folder, files)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(DataError, match=r"cifar\.tar\.gz is damaged or incomplete"):
        read_cifar(benchmark, path)


def test_a_cifar_archive_that_lacks_a_file(tmp_path, cifar):
    _, benchmark, files = cifar
    names, _ = benchmark.names
    del files[names]
    write_archive(tmp_path / "cifar.tar.gz", benchmark.folder, files)
    with pytest.raises(DataError, match=f"lacks {names}"):
        read_cifar(benchmark, tmp_path / "cifar.tar.gz")


def test_a_cifar_folder_that_lacks_a_file(tmp_path, cifar):
    name, benchmark, files = cifar
    first = next(iter(benchmark.batches))
    (tmp_path / first).write_bytes(files[first])
    with pytest.raises(DataError, match="unpack the whole archive"):
        TorchvisionDataset(dataset=name, filepath=tmp_path).load()


def test_cifar_without_a_network(tmp_path, cifar):
    name, benchmark, _ = cifar
    with pytest.raises(
        DataError, match=rf"cannot download {benchmark.archive.name}.*kriz/cifar\.html, put it into"
    ):
        TorchvisionDataset(dataset=name, filepath=tmp_path).load()
