"""The nodes that share the data out, and what is learnt from opt-in training examples alone."""

from __future__ import annotations

import json
import runpy
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from fedexperts.errors import UserError
from fedexperts.examples import Examples, as_texts
from fedexperts.federation.clients import opt_in_training, select_opt_in
from fedexperts.pipelines.client_partitioning import create_pipeline
from fedexperts.pipelines.client_partitioning.nodes import fit_preprocessing, note_settings, partition_clients
from fedexperts.pipelines.data_ingestion.nodes import read_examples

small = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py")))


def partitioned(changes=None, examples=None):
    chosen = small.settings(changes)
    examples = small.blobs() if examples is None else examples
    clients, assignments = partition_clients(examples, chosen.data, chosen.partition, chosen.seed)
    return SimpleNamespace(settings=chosen, examples=examples, clients=clients, assignments=assignments)


def test_the_tables_agree_and_no_example_is_used_twice():
    of = partitioned({"partition.opt_out": 0.4})
    assert of.clients["client_id"].tolist() == [0, 1, 2, 3, 4]
    assert of.clients["opted_out"].sum() == 2
    assert of.assignments["example"].is_unique
    sizes = of.assignments.groupby(["client_id", "split"]).size()
    for row in of.clients.itertuples():
        assert sizes[row.client_id, "train"] == row.train
    opted_in = of.assignments.groupby("client_id")["opt_in"].any()
    assert (opted_in[of.clients["client_id"]].to_numpy() == ~of.clients["opted_out"]).all()


def test_the_seed_decides():
    first, again, other = partitioned(), partitioned(), partitioned({"seed": 4})
    pd.testing.assert_frame_equal(first.assignments, again.assignments)
    assert not first.assignments.equals(other.assignments)


def test_what_the_data_says_about_opting_in_reaches_the_partition():
    examples = small.blobs()
    may = np.arange(len(examples)) % 3 > 0
    of = partitioned(examples=replace(examples, may_opt_in=may))
    assert not of.assignments.loc[~may[of.assignments["example"]], "opt_in"].any()
    own = of.assignments["split"].isin(["train", "validation"])
    assert of.assignments.loc[own & may[of.assignments["example"]], "opt_in"].all()


def test_preprocessing_is_fitted_to_opt_in_training_examples_alone():
    of = partitioned({"partition.opt_out_clients": [0], "partition.opt_out_examples": 0.5})
    table = of.assignments
    chosen = table[table["opt_in"] & (table["split"] == "train")]["example"].to_numpy()
    state = fit_preprocessing(of.examples, table, of.settings.data)
    np.testing.assert_allclose(state["mean"], of.examples.features[chosen].mean(axis=0))
    np.testing.assert_allclose(state["std"], of.examples.features[chosen].std(axis=0))
    features = of.examples.features.copy()
    features[np.setdiff1d(np.arange(len(features)), chosen)] = 1e9
    assert fit_preprocessing(small.with_rows(of.examples, features), table, of.settings.data) == state


def test_data_that_was_read_anew_is_refused_unless_the_opt_in_examples_are_the_same():
    of = partitioned({"partition.opt_out_clients": [0]})
    state = json.loads(json.dumps(fit_preprocessing(of.examples, of.assignments, of.settings.data)))
    rows = opt_in_training(of.assignments)
    others = np.setdiff1d(np.arange(len(of.examples)), rows)
    for place, refused in ((others, False), (rows[:1], True)):
        features = of.examples.features.copy()
        features[place] += 1
        changed = small.with_rows(of.examples, features)
        with pytest.raises(UserError, match="read anew") if refused else nullcontext():
            select_opt_in(changed, of.assignments, state)
    fewer = slice(0, int(rows.max()))
    shorter = Examples(of.examples.features[fewer], of.examples.labels[fewer], of.examples.class_names)
    with pytest.raises(UserError, match="kedro run --pipelines client_partitioning"):
        select_opt_in(shorter, of.assignments, state)


@pytest.mark.parametrize(
    ("was", "now", "message"),
    [
        ("/mine", "/yours", "data.path was /mine when .* is /yours now"),
        ("/mine", None, "data.path was /mine when .* is null .* now"),
        (None, "/yours", "data.path was null .* is /yours now; .*kedro run --pipelines data_ingestion"),
    ],
)
def test_data_that_was_read_from_another_place_is_not_shared_out(was, now, message):
    read = read_examples(small.blobs(), small.settings({"data.path": was}).data)
    stored = Examples.from_arrays(*read.to_arrays())
    assert len(partitioned({"data.path": was}, stored).clients) == 5
    with pytest.raises(UserError, match=message):
        partitioned({"data.path": now}, stored)


def test_words_that_were_opted_out_are_in_no_vocabulary():
    # defect 12 of the reference code: its vocabulary is built from every client's texts
    count = 120
    texts = as_texts([f"common word{number}" for number in range(count)])
    examples = Examples(texts, np.arange(count) % 3, ("a", "b", "c"))
    of = partitioned({"data.preprocessing": "vocabulary", "partition.opt_out_examples": 0.5}, examples)
    table = of.assignments
    chosen = table[table["opt_in"] & (table["split"] == "train")]["example"]
    assert 10 < len(chosen) < 60
    words = fit_preprocessing(examples, table, of.settings.data)["words"]
    assert words[0] == "common"
    assert set(words[1:]) == {f"word{number}" for number in chosen}


def test_the_settings_are_noted_in_a_form_that_json_can_hold():
    chosen = small.settings({"partition.opt_out_clients": [1]})
    noted = note_settings(pd.DataFrame(), chosen.data, chosen.partition, chosen.seed)
    assert json.loads(json.dumps(noted)) == noted
    assert (noted["seed"], noted["partition"]["clients"]) == (3, 5)
    assert noted["partition"]["opt_out_clients"] == [1]
    assert noted["data"] == small.plain_parameters()["data"]


def test_every_node_says_what_it_does_and_what_comes_in_and_out():
    pipeline = create_pipeline()
    assert pipeline.inputs() == {"examples", "params:partition", "params:seed", "params:data"}
    assert pipeline.outputs() == {"preprocessing", "partition_settings"}
    assert pipeline.all_outputs() == pipeline.outputs() | {"clients", "assignments"}
    assert all(node.func.__doc__ for node in pipeline.nodes)


@pytest.mark.parametrize("name", ["clients", "assignments"])
def test_the_tables_survive_parquet(tmp_path, name):
    table = getattr(partitioned({"partition.opt_out": 0.4}), name)
    table.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), table)
