"""Opting out is exact: nothing that leaves a client depends on what was opted out."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fedexperts.examples import Examples, as_texts
from fedexperts.federation.clients import select_opt_in
from fedexperts.federation.server import train_generalist

small = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py")))

# half the cohort, so that it matters who is drawn
ROUNDS = {"federation.rounds": 2, "federation.local_epochs": 1}
OPT_OUTS = {
    "whole_clients": {"partition.opt_out": 0.4},
    "examples": {"partition.opt_out_examples": 0.5},
    "both": {"partition.opt_out_clients": [2], "partition.opt_out_examples": 0.3},
}


@pytest.fixture(params=OPT_OUTS)
def of(request):
    return small.world({**ROUNDS, **OPT_OUTS[request.param]})


def federate(of, examples=None, assignments=None):
    """All that federated training leaves behind."""
    examples = of.examples if examples is None else examples
    assignments = of.assignments if assignments is None else assignments
    preprocessing = small.fit_on_opt_in(examples, assignments, of.settings)
    clients = select_opt_in(examples, assignments, preprocessing)
    chosen = of.settings
    weights, history = train_generalist(
        clients, chosen.model, chosen.federation, chosen.seed, small.ENGINE, small.checkpoints()
    )
    arrays = {name: value.tobytes() for name, value in weights.parameters.items()}
    return SimpleNamespace(
        preprocessing=preprocessing,
        arrays=arrays,
        lineage=weights.lineage,
        history=history.to_csv(),
    )


def kept_back(of):
    """The examples that did not opt in: opted out, tests, and those nobody has."""
    opted_in = of.assignments[of.assignments["opt_in"]]["example"].to_numpy()
    return np.setdiff1d(np.arange(len(of.examples)), opted_in)


def opted_out(of):
    """The training and validation examples that were opted out."""
    rows = of.assignments
    own = rows["split"].isin(["train", "validation"])
    return rows[own & ~rows["opt_in"]]["example"].to_numpy()


def test_there_is_something_to_keep_back(of):
    assert len(opted_out(of)) >= 20
    assert len(kept_back(of)) > len(opted_out(of))


def test_replacing_what_was_opted_out_changes_no_bit(of):
    features, labels = of.examples.features.copy(), of.examples.labels.copy()
    features[kept_back(of)] = 1e6
    labels[kept_back(of)] = (labels[kept_back(of)] + 1) % 3
    assert federate(of, small.with_rows(of.examples, features, labels)) == federate(of)


def test_what_was_opted_out_may_be_no_numbers_at_all(of):
    features = of.examples.features.copy()
    features[kept_back(of)] = np.nan
    assert federate(of, small.with_rows(of.examples, features)) == federate(of)


def test_permuting_what_was_opted_out_changes_no_bit(of):
    order = np.arange(len(of.examples))
    out = opted_out(of)
    order[out] = np.roll(out, 1)
    swapped = small.with_rows(of.examples, of.examples.features[order], of.examples.labels[order])
    assert not np.array_equal(swapped.features, of.examples.features)
    assert not np.array_equal(swapped.labels, of.examples.labels)
    assert federate(of, swapped) == federate(of)


def test_deleting_what_was_opted_out_changes_no_bit(of):
    kept = np.setdiff1d(np.arange(len(of.examples)), kept_back(of))
    rows = of.assignments[of.assignments["opt_in"]]
    rows = rows.assign(example=np.searchsorted(kept, rows["example"]))
    fewer = small.with_rows(of.examples, of.examples.features[kept], of.examples.labels[kept])
    assert len(fewer) < len(of.examples)
    assert federate(of, fewer, rows) == federate(of)


@pytest.mark.parametrize("split", ["train", "validation"])
@pytest.mark.parametrize("what", ["features", "labels"])
def test_changing_one_opt_in_example_is_noticed(of, split, what):
    rows = of.assignments
    example = rows[rows["opt_in"] & (rows["split"] == split)]["example"].iloc[-1]
    features, labels = of.examples.features.copy(), of.examples.labels.copy()
    if what == "features":
        features[example] += 1.0
    else:
        labels[example] = (labels[example] + 1) % 3
    before, after = federate(of), federate(of, small.with_rows(of.examples, features, labels))
    assert after.lineage["opt_in"] != before.lineage["opt_in"]
    assert after.history != before.history
    assert (after.preprocessing != before.preprocessing) == (split == "train" and what == "features")


def test_a_training_example_moves_the_generalist():
    # everyone takes part in the one round, so that no example can go unseen
    of = small.world({**ROUNDS, "federation.rounds": 1, "federation.clients_per_round": 5})
    rows = of.assignments
    labels = of.examples.labels.copy()
    example = rows[rows["opt_in"] & (rows["split"] == "train")]["example"].iloc[0]
    labels[example] = (labels[example] + 1) % 3
    before, after = federate(of), federate(of, small.with_rows(of.examples, labels=labels))
    assert all(after.arrays[name] != before.arrays[name] for name in before.arrays)


def test_the_users_own_table_of_what_may_opt_in_is_obeyed():
    examples = small.blobs()
    may = np.arange(len(examples)) % 2 == 0
    of = small.world(ROUNDS, small.replace(examples, may_opt_in=may))
    features = examples.features.copy()
    features[~may] = -1e6
    assert federate(of, small.with_rows(of.examples, features)) == federate(of)


def test_texts_that_were_opted_out_leave_no_word_behind():
    stream = np.random.default_rng(0)
    words = np.array([f"word{number}" for number in range(40)])
    texts = [" ".join(stream.choice(words, size=stream.integers(1, 8))) for _ in range(200)]
    examples = Examples(as_texts(texts), np.arange(200) % 3, ("a", "b", "c"))
    changes = {
        "data.preprocessing": "vocabulary",
        "model.expert": "bag_of_embeddings",
        "model.gate": "bag_of_embeddings",
        "partition.opt_out_examples": 0.5,
    }
    of = small.world({**ROUNDS, **changes}, examples)
    features = examples.features.copy()
    features[kept_back(of)] = "words that nobody else has ever used"
    before, after = federate(of), federate(of, small.with_rows(examples, features))
    assert "nobody" not in after.preprocessing["words"]
    assert after == before
    features[of.assignments[of.assignments["opt_in"]]["example"].iloc[0]] = "nobody"
    assert federate(of, small.with_rows(examples, features)) != before
