"""What stages depend on, as the project's own pipelines tell."""

from __future__ import annotations

import runpy

import pytest
from conftest import ROOT
from kedro.pipeline import Pipeline, node

from fedexperts import pipeline_registry
from fedexperts.commands import project
from fedexperts.experiments.stages import canonical, stage_keys
from fedexperts.pipelines import client_partitioning

plain_parameters = runpy.run_path(str(ROOT / "tests" / "fixtures_small.py"))["plain_parameters"]


def keys(*methods, gate_rate=None):
    _, stages = project.find_stages(project.find_places(ROOT, "test"))
    changes = {"personalization.methods": list(methods), "personalization.gate_learning_rate": gate_rate}
    return stage_keys(stages, "test", canonical(plain_parameters(changes)))


def changed(before, after):
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    ("methods", "anew"),
    [
        (["finetuned", "mixture", "fedavg"], set()),
        (["finetuned", "mixture", "prior_shift", "average", "wise_ft"], set()),
        (["finetuned", "mixture", "local"], {"specialist_training"}),
        (["finetuned"], {"gate_training"}),
    ],
)
def test_methods_ask_for_training_by_the_kinds_of_models_they_need(methods, anew):
    assert changed(keys("fedavg", "finetuned", "mixture"), keys(*methods)) == {*anew, "evaluation"}


def test_the_gates_learning_rate_is_read_where_gates_are_trained_and_by_no_other_training():
    assert changed(keys("mixture"), keys("mixture", gate_rate=0.1)) == {"gate_training", "evaluation"}


def test_a_method_that_there_is_no_more_can_be_told_of():
    assert changed(keys("finetuned"), keys("finetuned", "forgotten")) == {"evaluation"}


def test_pipelines_that_a_user_registers_are_no_stages_of_an_experiment(monkeypatch):
    places = project.find_places(ROOT, "test")
    before = project.find_stages(places)
    shipped = pipeline_registry.register_pipelines()
    own = {
        "some_nodes": shipped["evaluation"].filter(node_names=[shipped["evaluation"].nodes[0].name]),
        "the_same": client_partitioning.create_pipeline(),
        "unrelated": Pipeline([node(len, "client_metrics", "length"), node(len, "raw_data", "examples")]),
    }
    for module in (pipeline_registry, project):
        monkeypatch.setattr(module, "register_pipelines", lambda: shipped | own, raising=False)
    assert project.find_stages(places) == before
