"""Whatever lies where the data should be: it is refused with its reason, and nothing is written."""

from __future__ import annotations

import gzip
import io
import os
import resource
import runpy
import signal
import tarfile
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kedro.io.core import AbstractDataset
from PIL import Image
from safetensors.numpy import save

from fedexperts.datasets.errors import DataError
from fedexperts.datasets.safetensors import SafetensorsDataset
from fedexperts.errors import UserError
from fedexperts.examples import Examples
from fedexperts.parameters import DataSettings
from fedexperts.pipelines.data_ingestion.nodes import read_examples

bad = runpy.run_path(str(Path(__file__).with_name("bad_files.py")))
MORE = int(os.environ.get("FEDEXPERTS_FUZZ", "1"))  # how many times as many
LONGEST = 300  # seconds; what waits, waits for ever
VOCABULARY = {"size": 10, "min_count": 1, "lower_case": True, "max_length": 5}


@contextmanager
def in_time():
    """Fail where something waits for ever, for a pipe for instance."""

    def late(*_):
        pytest.fail("it takes too long")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def ingest(entry):
    """Read raw data as a run does."""
    examples = AbstractDataset.from_config("raw_data", entry).load()
    preprocessing = "vocabulary" if examples.is_text else "standardize"
    data = {"path": None, "preprocessing": preprocessing, "vocabulary": VOCABULARY}
    return read_examples(examples, DataSettings.model_validate(data))


def listing(folder):
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def test_there_are_more_than_a_hundred():
    assert len(bad["CASES"]) > 150


@pytest.mark.filterwarnings("ignore")  # Pillow warns of some
@pytest.mark.parametrize("name", bad["CASES"])
def test_a_bad_file_is_refused_and_nothing_is_written(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    entry = bad["CASES"][name](tmp_path)
    before = listing(tmp_path)
    with in_time(), pytest.raises(UserError) as caught:
        ingest(entry)
    assert len(str(caught.value)) > 20
    assert listing(tmp_path) == before
    assert not (tmp_path.parent / "evil.csv").exists()


def test_the_well_files_among_them_are_read(tmp_path):
    """What the cases are made of is fine: they fail for what is wrong with them, and for nothing else."""
    images = bad["image_folder"](tmp_path / "images", bad["picture"](seed=2))
    assert len(ingest(images)) == 3
    assert len(ingest(bad["archive"](tmp_path, bad["packed"]("w:xz")))) == 2
    assert len(ingest(bad["table"](tmp_path, bad["ROWS"]))) == 50
    assert len(ingest(bad["table"](tmp_path, bad["PARQUET"], "raw.parquet"))) == 500
    assert len(ingest(bad["benchmark"](tmp_path / "idx"))) == 40
    zipped = gzip.compress(bad["idx"](bad["PIXELS"]))
    assert len(ingest(bad["benchmark"](tmp_path / "zipped", train_images_gz=zipped))) == 40


# An object of each format, in bytes that are then changed at random.


def stored():
    labels = np.array([0, 1, 1], dtype=np.int64)
    arrays, text = Examples(np.zeros((3, 2)), labels, ("a", "b")).to_arrays()
    return save(arrays, metadata=text)


def noise(kind):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(file, kind)
    return file.getvalue()


FORMATS = {
    "PNG": (noise("PNG"), bad["image_folder"]),
    "JPEG": (noise("JPEG"), bad["image_folder"]),
    "GIF": (noise("GIF"), bad["image_folder"]),
    "TIFF": (noise("TIFF"), bad["image_folder"]),
    "tar": (bad["packed"]("w"), bad["archive"]),
    "tar.gz": (bad["packed"]("w:gz"), bad["archive"]),
    "tar.bz2": (bad["packed"]("w:bz2"), bad["archive"]),
    "tar.xz": (bad["packed"]("w:xz"), bad["archive"]),
    "CSV": (bad["ROWS"].encode(), bad["table"]),
    "CSV, gzipped": (
        gzip.compress(bad["ROWS"].encode()),
        lambda to, content: bad["table"](to, content, "raw.csv.gz"),
    ),
    "Parquet": (bad["PARQUET"], lambda to, content: bad["table"](to, content, "raw.parquet")),
    "IDX": (bad["idx"](bad["PIXELS"]), lambda to, content: bad["benchmark"](to, train_images=content)),
    "CIFAR": (bad["packed"]("w:gz"), bad["cifar"]),
}
CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.binary(max_size=12), st.integers(0, 12)), min_size=1, max_size=4
)


def changed(content, changes):
    """Put other bytes in some places of a file."""
    for place, new, dropped in changes:
        start = int(place * len(content))
        content = content[:start] + new + content[start + dropped :]
    return content


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", FORMATS)
@given(changes=CHANGES)
@settings(
    max_examples=15 * MORE,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=MORE == 1,
)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(kind, changes, tmp_path_factory):
    content, write = FORMATS[kind]
    folder = tmp_path_factory.mktemp("damaged")
    entry = write(folder, changed(content, changes))
    before = listing(folder)
    with in_time(), suppress(UserError):
        ingest(entry)
    assert listing(folder) == before


@given(changes=CHANGES)
@settings(max_examples=50 * MORE, deadline=None, derandomize=MORE == 1)
def test_a_damaged_file_of_stored_examples_is_read_or_refused(changes, tmp_path_factory):
    path = tmp_path_factory.mktemp("damaged") / "examples.safetensors"
    path.write_bytes(changed(stored(), changes))
    dataset = SafetensorsDataset(filepath=str(path), content="fedexperts.examples:Examples")
    with suppress(DataError):
        dataset.load()


@pytest.mark.parametrize(
    "header",
    [
        b"",
        (2**63).to_bytes(8, "little") + b"{}",
        (10**12).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        *(
            len(text).to_bytes(8, "little") + text + bytes(24)
            for text in (
                b"not JSON",
                b'{"labels": {}}',
                b'{"labels": {"dtype": "I64", "shape": [1000000000000], "data_offsets": [0, 24]}}',
                b'{"labels": {"dtype": "I64", "shape": [3], "data_offsets": [24, 0]}}',
                b'{"labels": {"dtype": "I64", "shape": [-3], "data_offsets": [0, 24]}}',
                b'{"labels": {"dtype": "Q7", "shape": [3], "data_offsets": [0, 24]}}',
                b'{"labels": {"dtype": "BF16", "shape": [12], "data_offsets": [0, 24]}}',
                b'{"labels": {"dtype": "I64", "shape": [3], "data_offsets": [0, 24]}}',
                b'{"features": {"dtype": "I64", "shape": [3], "data_offsets": [0, 24]}}',
            )
        ),
    ],
)
def test_a_header_of_safetensors_that_lies(header, tmp_path):
    path = tmp_path / "examples.safetensors"
    path.write_bytes(header)
    with pytest.raises(DataError, match=r"examples\.safetensors"):
        SafetensorsDataset(filepath=str(path), content="fedexperts.examples:Examples").load()


@pytest.mark.parametrize(
    "name", ["IDX images: 10^12 items", "archive: a member of 10^12 bytes", "image: bomb of 10^10 pixels"]
)
def test_what_a_header_claims_is_not_made_room_for(name, tmp_path):
    entry = bad["CASES"][name](tmp_path)
    with pytest.raises(UserError):
        ingest(entry)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError):
        ingest(entry)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


def test_a_small_file_that_unpacks_to_a_gigabyte_is_not_unpacked(tmp_path):
    entry = bad["CASES"]["IDX gzip: of a gigabyte of zeros"](tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match="more than 400 values"):
        ingest(entry)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_the_archive_that_claims_too_much_is_one_for_tarfile_as_well():
    with tarfile.open(fileobj=io.BytesIO(bad["lying"](10**6))) as tar:
        assert next(iter(tar)).name == "cat/a.png"
        assert tar.next().size == 10**6
