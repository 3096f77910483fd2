"""Weights are what they were after they have been stored."""

from __future__ import annotations

import numpy as np

from fedexperts.datasets.safetensors import SafetensorsDataset
from fedexperts.models.weights import ClientWeights, GeneralistWeights


def test_client_weights_survive_their_file(tmp_path):
    stacked = np.arange(24, dtype=np.float32).reshape(2, 12)
    weights = ClientWeights(
        client_ids=np.array([4, 9]),
        # as training gives them: views into rows, and so not contiguous
        parameters={"a.weight": stacked[:, :6].reshape(2, 3, 2), "a.bias": stacked[:, 6:9]},
        lineage={"partition": "p", "generalist": "g"},
        epochs=np.array([0, 7]),
    )
    assert len(weights) == 2
    dataset = SafetensorsDataset(
        filepath=str(tmp_path / "w.safetensors"), content="fedexperts.models.weights:ClientWeights"
    )
    dataset.save(weights)
    read = dataset.load()
    assert read.lineage == weights.lineage
    assert read.parameters.keys() == weights.parameters.keys()
    for name, value in weights.parameters.items():
        assert read.parameters[name].dtype == np.float32
        np.testing.assert_array_equal(read.parameters[name], value)
    assert read.client_ids.tolist() == [4, 9]
    assert read.epochs.tolist() == [0, 7]
    assert read.client_ids.dtype == read.epochs.dtype == np.int64


def test_no_clients_survive_their_file_too(tmp_path):
    none = np.empty(0, dtype=np.int64)
    dataset = SafetensorsDataset(
        filepath=str(tmp_path / "w.safetensors"), content="fedexperts.models.weights:ClientWeights"
    )
    dataset.save(ClientWeights(none, {}, {}, none))
    assert len(dataset.load()) == 0


def test_the_generalist_survives_being_split_into_arrays():
    weights = GeneralistWeights({"w": np.eye(2), "epochs": np.ones(3)}, {"opt_in": "x"})
    read = GeneralistWeights.from_arrays(*weights.to_arrays())
    assert read.lineage == {"opt_in": "x"}
    assert read.parameters.keys() == {"w", "epochs"}
    np.testing.assert_array_equal(read.parameters["w"], np.eye(2))


def test_splitting_and_joining_leaves_the_arrays_it_was_given_alone():
    arrays = {"client_ids": np.array([1]), "epochs": np.array([2]), "w": np.ones((1, 2))}
    read = ClientWeights.from_arrays(arrays, {})
    assert set(arrays) == {"client_ids", "epochs", "w"}
    assert set(read.parameters) == {"w"}
