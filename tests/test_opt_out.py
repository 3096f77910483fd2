"""What a client opts out never influences anything that leaves it: tried in the ways in which it could."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from kedro.config import OmegaConfigLoader
from sklearn.metrics import roc_auc_score

from fedexperts.configuration import Origins, check_parameters
from fedexperts.datasets.digits import DigitsDataset
from fedexperts.datasets.safetensors import SafetensorsDataset
from fedexperts.datasets.text_table import TextTableDataset
from fedexperts.errors import UserError
from fedexperts.examples import Examples
from fedexperts.federation.clients import select_opt_in
from fedexperts.models.architecture import Architecture
from fedexperts.models.inputs import InputSpec
from fedexperts.parameters import Parameters
from fedexperts.personalization.data import select_personal
from fedexperts.personalization.training import prepare
from fedexperts.pipelines.client_partitioning.nodes import fit_preprocessing, partition_clients
from fedexperts.pipelines.data_ingestion.nodes import read_examples
from fedexperts.pipelines.federated_training.nodes import select_opt_in_clients, train_generalist
from fedexperts.settings import CONFIG_LOADER_ARGS
from fedexperts.storage.checkpoints import Checkpoints

ROUTES = {
    "by fraction of clients": {"opt_out": 0.5},
    "by list of clients": {"opt_out_clients": [0, 3]},
    "by example": {"opt_out_examples": 0.5},
}


def read_parameters(**groups: dict) -> Parameters:
    loader = OmegaConfigLoader(
        conf_source=str(ROOT / "conf"), env="test", runtime_params=groups, **CONFIG_LOADER_ARGS
    )
    return check_parameters(loader["parameters"], Origins(ROOT, [ROOT / "conf"], groups))


@pytest.fixture(scope="module")
def digits() -> Examples:
    return DigitsDataset().load()


def federate(
    examples: Examples, assignments: pd.DataFrame, settings: Parameters, file: Path
) -> tuple[bytes, pd.DataFrame, dict]:
    """Do all that the federation does with the examples, and store its model."""
    preprocessing = fit_preprocessing(examples, assignments, settings.data)
    clients = select_opt_in_clients(examples, assignments, preprocessing)
    generalist, history = train_generalist(
        clients,
        settings.model,
        settings.federation,
        settings.seed,
        "cpu",
        settings.engine,
        Checkpoints(file.with_suffix(".unfinished"), owner="a test", resume="never"),
    )
    SafetensorsDataset(filepath=file, content="fedexperts.models.weights:GeneralistWeights").save(generalist)
    return file.read_bytes(), history, preprocessing


def own_but_opted_out(assignments: pd.DataFrame) -> np.ndarray:
    own = assignments["split"].isin(["train", "validation"])
    return assignments.loc[own & ~assignments["opt_in"], "example"].to_numpy()


def replaced(examples: Examples, rows: np.ndarray) -> Examples:
    features, labels = examples.features.copy(), examples.labels.copy()
    features[rows] = 16 - features[rows]
    labels[rows] = (labels[rows] + 1) % examples.classes
    return Examples(features, labels, examples.class_names)


@pytest.mark.parametrize("route", ROUTES)
def test_the_generalists_file_and_history_do_not_depend_on_opted_out_examples(
    digits: Examples, tmp_path: Path, route: str
) -> None:
    settings = read_parameters(partition=ROUTES[route])
    _, assignments = partition_clients(digits, settings.data, settings.partition, settings.seed)
    rows = own_but_opted_out(assignments)
    assert len(rows) > 50
    permuted = Examples(digits.features.copy(), digits.labels.copy(), digits.class_names)
    permuted.features[rows] = digits.features[rows[::-1]]
    permuted.labels[rows] = digits.labels[rows[::-1]]
    deleted = assignments[~assignments["example"].isin(rows)]

    before = federate(digits, assignments, settings, tmp_path / "before.safetensors")
    for name, examples, table in (
        ("replaced", replaced(digits, rows), assignments),
        ("permuted", permuted, assignments),
        ("deleted", digits, deleted),
    ):
        file, history, preprocessing = federate(examples, table, settings, tmp_path / f"{name}.safetensors")
        assert file == before[0], name
        pd.testing.assert_frame_equal(history, before[1], check_exact=True)
        assert preprocessing == before[2], name


def read_table(file: Path, rows: list[tuple[str, str, bool]], settings: Parameters) -> Examples:
    pd.DataFrame(rows, columns=["text", "label", "share"]).to_csv(file, index=False)
    table = TextTableDataset(
        filepath="not/used", path=str(file), text=["text"], label="label", opt_in="share"
    ).load()
    return read_examples(table, settings.data)


def test_rows_that_a_table_opts_out_leave_nothing_in_what_clients_share(tmp_path: Path) -> None:
    settings = read_parameters(
        data={"preprocessing": "vocabulary"},
        partition={"global_test_size": 30, "scheme": "iid"},
        model={"expert": "bag_of_embeddings", "gate": "bag_of_embeddings"},
    )
    stream = np.random.default_rng(0)
    rows = [
        (" ".join(f"word{word}" for word in stream.integers(0, 50, 6)), f"class {row % 3}", row % 4 > 0)
        for row in range(400)
    ]
    plain = read_table(tmp_path / "plain.csv", rows, settings)
    clients, assignments = partition_clients(plain, settings.data, settings.partition, settings.seed)
    before = federate(plain, assignments, settings, tmp_path / "before.safetensors")

    texts = [(text if share else "secret", label, share) for text, label, share in rows]
    other = read_table(tmp_path / "texts.csv", texts, settings)
    tables = partition_clients(other, settings.data, settings.partition, settings.seed)
    pd.testing.assert_frame_equal(tables[0], clients)
    pd.testing.assert_frame_equal(tables[1], assignments)

    labels = [(text, label if share else "class 1", share) for text, label, share in texts]
    other = read_table(tmp_path / "labels.csv", labels, settings)
    assert other.class_names == plain.class_names
    _, drawn = partition_clients(other, settings.data, settings.partition, settings.seed)
    common = assignments["split"] == "global_test"
    pd.testing.assert_frame_equal(drawn[common], assignments[common])
    # the partition that stands for the clients' own collections is given
    file, history, preprocessing = federate(other, assignments, settings, tmp_path / "after.safetensors")
    assert (file, preprocessing) == (before[0], before[2])
    pd.testing.assert_frame_equal(history, before[1], check_exact=True)

    classes = [(text, label if share else "class 0.5", share) for text, label, share in texts]
    with pytest.raises(UserError, match=r"no example of class 0\.5 that may opt in"):
        read_table(tmp_path / "classes.csv", classes, settings)


def test_one_opt_in_example_changes_the_generalist(digits: Examples, tmp_path: Path) -> None:
    settings = read_parameters(partition={"opt_out": 0.5}, federation={"clients_per_round": 3})
    _, assignments = partition_clients(digits, settings.data, settings.partition, settings.seed)
    opted_in = assignments[assignments["opt_in"] & (assignments["split"] == "train")]["example"].to_numpy()
    before, _, _ = federate(digits, assignments, settings, tmp_path / "before.safetensors")
    after, _, _ = federate(
        replaced(digits, opted_in[:1]), assignments, settings, tmp_path / "after.safetensors"
    )
    assert after != before


class Guarded(np.ndarray):
    """Features that cannot be read where they are forbidden."""

    forbidden: frozenset[int] = frozenset()

    def __getitem__(self, key):
        rows = np.arange(len(self))[key if not isinstance(key, tuple) else key[0]]
        if not self.forbidden.isdisjoint(np.atleast_1d(rows).tolist()):
            raise AssertionError("opted-out data was touched")
        return np.asarray(self)[key]


def test_the_federation_never_touches_opted_out_data(digits: Examples, tmp_path: Path) -> None:
    settings = read_parameters(partition={"opt_out": 0.3, "opt_out_examples": 0.3})
    clients, assignments = partition_clients(digits, settings.data, settings.partition, settings.seed)
    features = digits.features.view(Guarded)
    features.forbidden = frozenset(own_but_opted_out(assignments).tolist())
    guarded = Examples(features, digits.labels, digits.class_names)

    federate(guarded, assignments, settings, tmp_path / "generalist.safetensors")

    preprocessing = fit_preprocessing(digits, assignments, settings.data)
    with pytest.raises(AssertionError, match="opted-out data was touched"):
        select_personal(guarded, clients, assignments, preprocessing)


def test_membership_of_opted_out_examples_cannot_be_inferred_from_the_generalist(
    digits: Examples, tmp_path: Path
) -> None:
    """An attack by loss (Yeom et al., arXiv:1709.01604) finds opted-in examples, and no others."""
    settings = read_parameters(
        partition={"scheme": "iid", "opt_out_examples": 0.7, "global_test_size": 600},
        model={"expert": "mlp"},
        federation={"rounds": 40, "local_epochs": 3, "learning_rate": 0.002, "validate_every": 40},
    )
    clients, assignments = partition_clients(digits, settings.data, settings.partition, settings.seed)
    preprocessing = fit_preprocessing(digits, assignments, settings.data)
    opt_in = select_opt_in(digits, assignments, preprocessing)
    generalist, _ = train_generalist(
        opt_in,
        settings.model,
        settings.federation,
        settings.seed,
        "cpu",
        settings.engine,
        Checkpoints(tmp_path, owner="a test"),
    )
    data = select_personal(digits, clients, assignments, preprocessing)
    architecture = Architecture(settings.model, InputSpec(data.features.shape[1:]), data.classes)
    bench = prepare(data, generalist, architecture, torch.device("cpu"))
    confidence = bench.generalist_log_probs[torch.arange(len(data.labels)), bench.labels].numpy()

    used = assignments[assignments["client_id"].isin((-1, *data.client_ids))].reset_index(drop=True)
    trained = used["split"] == "train"
    never_seen = confidence[used["split"] == "global_test"]

    def attack(members: pd.Series) -> tuple[float, float]:
        """The attack's area under the curve, and the standard error of one at chance (Mann and Whitney)."""
        suspected = confidence[members.to_numpy()]
        truth = np.r_[np.ones(len(suspected)), np.zeros(len(never_seen))]
        error = np.sqrt((len(truth) + 1) / (12 * len(suspected) * len(never_seen)))
        return float(roc_auc_score(truth, np.r_[suspected, never_seen])), float(error)

    found, error = attack(trained & used["opt_in"])
    assert found > 0.5 + 3 * error
    blind, error = attack(trained & ~used["opt_in"])
    assert abs(blind - 0.5) < 1.96 * error
