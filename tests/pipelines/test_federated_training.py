"""The nodes that train the generalist."""

from __future__ import annotations

import dataclasses
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from fedexperts.errors import UserError
from fedexperts.federation import server
from fedexperts.pipelines.federated_training import create_pipeline
from fedexperts.pipelines.federated_training.nodes import select_opt_in_clients, train_generalist

small = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py")))


def test_what_the_federation_is_given_is_opted_in():
    of = small.world({"partition.opt_out_clients": [3]})
    clients = select_opt_in_clients(of.examples, of.assignments, of.preprocessing)
    assert clients.client_ids == (0, 1, 2, 4)
    assert clients.fingerprint == small.opt_in_clients(of).fingerprint


def test_the_node_trains_on_one_thread_and_gives_the_others_back():
    of = small.world()
    clients, chosen = small.opt_in_clients(of), of.settings
    alone, history = server.train_generalist(
        clients, chosen.model, chosen.federation, chosen.seed, small.ENGINE, small.checkpoints()
    )
    torch.set_num_threads(2)
    try:
        weights, again = train_generalist(
            clients, chosen.model, chosen.federation, chosen.seed, "cpu", chosen.engine, small.checkpoints()
        )
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    pd.testing.assert_frame_equal(again, history, check_exact=True)
    for name, value in alone.parameters.items():
        assert weights.parameters[name].tobytes() == value.tobytes()


def test_a_federation_of_small_images_trains_a_cnn():
    of = small.world({"model.expert": "small_cnn"}, small.blobs(shape=(1, 4, 4)))
    chosen = of.settings
    weights, history = train_generalist(
        small.opt_in_clients(of),
        chosen.model,
        chosen.federation,
        chosen.seed,
        "cpu",
        chosen.engine,
        small.checkpoints(),
    )
    assert weights.parameters["0.weight"].shape == (8, 1, 3, 3)
    assert history["train_loss"].is_monotonic_decreasing


def test_a_model_that_does_not_suit_the_data_is_refused_before_any_training():
    of = small.world({"model.expert": "lenet"})
    chosen, clients = of.settings, small.opt_in_clients(of)
    last = 0, "cpu", chosen.engine, small.checkpoints()
    with pytest.raises(UserError, match="'lenet' needs images"):
        train_generalist(clients, chosen.model, chosen.federation, *last)


def test_inputs_that_hold_opted_out_examples_reach_no_training_node():
    pipeline = create_pipeline()
    (training,) = (node for node in pipeline.nodes if node.name == "train_generalist")
    assert set(training.inputs) == {
        "opt_in_clients",
        "params:model",
        "params:federation",
        "params:seed",
        "params:device",
        "params:engine",
        "checkpoints",
    }
    assert pipeline.outputs() == {"generalist", "federation_history"}
    held = {field.name for field in dataclasses.fields(small.opt_in_clients(small.world()))}
    assert "examples" not in held
    assert "assignments" not in held


def test_knowing_the_pipelines_costs_no_torch():
    code = (
        "import sys; from fedexperts.pipeline_registry import register_pipelines; register_pipelines();"
        "print(*{'torch', 'matplotlib', 'plotly'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
