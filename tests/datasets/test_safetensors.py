"""A safetensors dataset gives back what it was given, or says what is wrong."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kedro.io import AbstractDataset, DatasetError, Version

from fedexperts.datasets.errors import DataError
from fedexperts.datasets.safetensors import SafetensorsDataset
from fedexperts.errors import UserError
from fedexperts.examples import Examples
from fedexperts.storage.files import written_whole
from fedexperts.storage.safetensors import read_arrays, write_arrays

EXAMPLES = "fedexperts.examples:Examples"


@dataclass
class Box:
    arrays: dict = field(default_factory=dict)
    text: dict = field(default_factory=dict)

    def to_arrays(self):
        return self.arrays, self.text

    @classmethod
    def from_arrays(cls, arrays, metadata):
        return cls(dict(arrays), dict(metadata))


def box_dataset(path, monkeypatch):
    monkeypatch.setattr("fedexperts.examples.Box", Box, raising=False)
    return SafetensorsDataset(filepath=path, content="fedexperts.examples:Box")


def examples():
    features = np.arange(24, dtype=np.uint8).reshape(3, 2, 2, 2)
    return Examples(features, np.array([0, 1, 1]), ("no", "yes"))


dtypes = st.sampled_from(["?", "u1", "i1", "u2", "i2", "u4", "i4", "i8", "u8", "f2", "f4", "f8", "c8"])
names = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda name: name != "__metadata__")
arrays = dtypes.flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)


@given(
    st.dictionaries(names, arrays, min_size=1, max_size=4),
    st.dictionaries(names, st.text(st.characters(codec="utf-8"))),
)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_is_saved_is_loaded(held, text):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        dataset = box_dataset(Path(folder) / "box.safetensors", patch)
        # the transposed view has the strides that the library would scramble
        dataset.save(Box({name: array.T for name, array in held.items()}, text))
        loaded = dataset.load()
    assert loaded.text == text
    assert loaded.arrays.keys() == held.keys()
    for name, array in held.items():
        assert loaded.arrays[name].dtype == array.dtype
        assert loaded.arrays[name].shape == array.T.shape
        np.testing.assert_array_equal(loaded.arrays[name], array.T)


def test_same_object_same_bytes(tmp_path):
    text = {f'key {number} é\n"': "value\t\x01" for number in range(20)}
    held = {"b": np.zeros((2, 3)), "a": np.ones(3, np.uint8)}
    for name in ("one", "two"):
        write_arrays(tmp_path / name, held, text)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert read_arrays(tmp_path / "one")[1] == text


def test_a_file_is_as_open_to_others_as_any_other(tmp_path):
    write_arrays(tmp_path / "one", {"a": np.zeros(1)}, {})
    (tmp_path / "other").touch()
    assert (tmp_path / "one").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_from_a_catalog_entry_with_versions(tmp_path):
    config = {
        "type": "fedexperts.datasets.safetensors.SafetensorsDataset",
        "filepath": str(tmp_path / "examples.safetensors"),
        "content": EXAMPLES,
        "versioned": True,
        "metadata": {"kedro-viz": {"layer": "intermediate"}},
    }
    dataset = AbstractDataset.from_config("examples", config, save_version="v1")
    assert not dataset.exists()
    dataset.save(examples())
    assert dataset.exists()
    assert (tmp_path / "examples.safetensors" / "v1" / "examples.safetensors").is_file()
    assert [path.name for path in (tmp_path / "examples.safetensors" / "v1").iterdir()] == [
        "examples.safetensors"
    ]
    assert dataset.load().class_names == ("no", "yes")
    assert dataset.metadata == config["metadata"]
    assert "Examples" in str(dataset)
    with pytest.raises(DatasetError, match="must not exist"):
        dataset.save(examples())


def test_no_version_yet(tmp_path):
    dataset = SafetensorsDataset(filepath=tmp_path / "x", content=EXAMPLES, version=Version(None, None))
    with pytest.raises(DatasetError, match="Did not find any versions"):
        dataset.load()


@pytest.mark.parametrize("kept", [0, 4, 40, -1])
def test_a_truncated_file_is_named(tmp_path, kept):
    path = tmp_path / "examples.safetensors"
    dataset = SafetensorsDataset(filepath=path, content=EXAMPLES)
    dataset.save(examples())
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"examples\.safetensors is damaged.*run the pipeline"):
        dataset.load()


def test_a_missing_file_is_named(tmp_path):
    dataset = SafetensorsDataset(filepath=tmp_path / "gone.safetensors", content=EXAMPLES)
    with pytest.raises(DataError, match=r"there is no file .*gone\.safetensors"):
        dataset.load()


def test_a_file_that_holds_something_else(tmp_path):
    path = tmp_path / "weights.safetensors"
    write_arrays(path, {"weight": np.zeros(2)}, {})
    with pytest.raises(
        DataError, match=r"weights\.safetensors does not hold .*Examples: 'labels' is missing"
    ):
        SafetensorsDataset(filepath=path, content=EXAMPLES).load()


def test_an_object_of_another_class_is_refused(tmp_path):
    with pytest.raises(DataError, match="not for Box"):
        SafetensorsDataset(filepath=tmp_path / "x", content=EXAMPLES).save(Box())


def test_an_object_without_arrays_is_refused(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="nothing to write"):
        box_dataset(tmp_path / "x", monkeypatch).save(Box(text={"a": "b"}))


def test_a_content_that_is_no_class(tmp_path):
    with pytest.raises(DataError, match=r"'nowhere:Nothing'.* is no class"):
        SafetensorsDataset(filepath=tmp_path / "x", content="nowhere:Nothing").save(examples())


def test_only_local_paths():
    with pytest.raises(DataError, match="must be a path on this machine"):
        SafetensorsDataset(filepath="s3://bucket/x", content=EXAMPLES)


def test_a_failed_write_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "kept"
    path.write_text("old")

    def write_half():
        with written_whole(path) as partial:
            partial.write_text("ne")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert [file.name for file in tmp_path.iterdir()] == ["kept"]
    assert path.read_text() == "old"
