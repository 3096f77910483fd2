"""From raw data to examples, and the configuration of every data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import AbstractDataset, DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from fedexperts.datasets.images import ImagesDataset
from fedexperts.datasets.safetensors import SafetensorsDataset
from fedexperts.datasets.source import RawSource
from fedexperts.datasets.text_table import TextTableDataset
from fedexperts.errors import UserError
from fedexperts.examples import Examples, as_texts
from fedexperts.parameters import DataSettings
from fedexperts.pipelines.data_ingestion import create_pipeline
from fedexperts.pipelines.data_ingestion.nodes import count_classes, read_examples

CONF = Path(__file__).parents[2] / "conf"
TEXT_ENVIRONMENTS = ["ag_news", "texts"]
ENVIRONMENTS = [
    "cifar10", "cifar10_jpg", "cifar100", "fashion_mnist", "mnist", "images", *TEXT_ENVIRONMENTS,
]  # fmt: skip


def config(env, runtime_params=None):
    return OmegaConfigLoader(
        str(CONF),
        env=env,
        base_env="base",
        default_run_env="base",
        runtime_params=runtime_params,
        merge_strategy={"parameters": "soft"},
    )


def data_settings(env=None, **changes):
    return DataSettings(**{**config(env)["parameters"]["data"], **changes})


def examples(features, labels=(0, 1), names=("no", "yes"), may_opt_in=None):
    return Examples(features, np.array(labels), names, may_opt_in)


def test_pipeline_from_digits_to_files(tmp_path):
    entries = config(None)["catalog"]
    wanted = {name: entries[name] for name in ("raw_data", "examples", "class_counts")}
    for entry in wanted.values():
        if "filepath" in entry:
            entry["filepath"] = str(tmp_path / entry["filepath"])
    catalog = DataCatalog.from_config(wanted)
    catalog["params:data"] = MemoryDataset(data_settings())
    SequentialRunner().run(create_pipeline(), catalog)
    folder = tmp_path / "data" / "02_intermediate" / "digits"
    assert sorted(path.name for path in folder.iterdir()) == ["class_counts.csv", "examples.safetensors"]
    counts = pd.read_csv(folder / "class_counts.csv")
    assert counts.columns.tolist() == ["label", "class_name", "examples"]
    assert counts["examples"].sum() == len(catalog.load("examples")) == 1797


def test_text_table_through_the_pipeline(tmp_path):
    (tmp_path / "texts.csv").write_text("text,label\na b,x\nb c,y\n")
    params = {"data": {"path": str(tmp_path / "texts.csv")}}
    loader = config("texts", params)
    catalog = DataCatalog.from_config({"raw_data": loader["catalog"]["raw_data"]})
    catalog["params:data"] = MemoryDataset(DataSettings(**loader["parameters"]["data"]))
    catalog["examples"] = SafetensorsDataset(
        filepath=tmp_path / "examples.safetensors", content="fedexperts.examples:Examples"
    )
    SequentialRunner().run(create_pipeline(), catalog)
    assert catalog.load("examples").features.tolist() == ["a b", "b c"]


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_environment_names_its_own_source_and_files(env):
    loader = config(env)
    assert loader["globals"]["dataset"] == env
    dataset = AbstractDataset.from_config("raw_data", loader["catalog"]["raw_data"])
    assert isinstance(dataset, RawSource)
    assert loader["catalog"]["raw_data"]["filepath"] == f"data/01_raw/{env}"
    assert loader["catalog"]["raw_data"]["metadata"] == {"kedro-viz": {"layer": "raw"}}
    assert f"/{env}/" in loader["catalog"]["examples"]["filepath"]
    assert data_settings(env).preprocessing == ("vocabulary" if env in TEXT_ENVIRONMENTS else "standardize")


def test_the_paper_has_the_same_settings_for_all_its_images():
    settings = [config(env)["parameters"] for env in ("cifar10", "cifar10_jpg", "fashion_mnist")]
    assert settings[0] == settings[1] == settings[2]


@pytest.mark.parametrize("env", [None, *ENVIRONMENTS])
def test_a_path_given_for_one_run_reaches_catalog_and_settings_alike(env):
    for params, expected in [
        ({}, None),
        ({"data": {"path": "/some/where"}}, "/some/where"),
        ({"seed": 3}, None),
    ]:
        loader = config(env, params)
        assert loader["catalog"]["raw_data"]["path"] == expected
        assert loader["parameters"]["data"]["path"] == expected


def test_a_path_in_the_globals_reaches_both(tmp_path):
    for name in ("base/globals.yml", "base/data_ingestion/catalog.yml", "base/data_ingestion/parameters.yml"):
        copy = tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text((CONF / name).read_text())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "globals.yml").write_text("data_path: /mine\n")
    loader = OmegaConfigLoader(str(tmp_path), env="mine", base_env="base", default_run_env="base")
    assert loader["catalog"]["raw_data"]["path"] == loader["parameters"]["data"]["path"] == "/mine"


def test_a_source_for_images_and_one_for_texts_can_be_chosen_by_name():
    kinds = {
        env: AbstractDataset.from_config("x", config(env)["catalog"]["raw_data"])
        for env in ("images", "texts")
    }
    assert isinstance(kinds["images"], ImagesDataset)
    assert isinstance(kinds["texts"], TextTableDataset)


def test_good_examples_pass_as_they_are():
    good = examples(np.zeros((2, 3)))
    assert vars(read_examples(good, data_settings())) == vars(good)  # the very same arrays
    assert count_classes(good).to_dict("list") == {
        "label": [0, 1],
        "class_name": ["no", "yes"],
        "examples": [1, 1],
    }


@pytest.mark.parametrize(
    ("raw", "preprocessing", "message"),
    [
        (examples(np.zeros((2, 3)), names=("a", "b", "c", "d")), "standardize", "no example of c, d"),
        (
            examples(np.zeros((2, 3)), may_opt_in=np.array([True, False])),
            "standardize",
            "no example of yes that may opt in; .* let one opt in, or delete",
        ),
        (examples(np.zeros((2, 3)), labels=(0, 0), names=("a",)), "standardize", "one class only, a"),
        (examples(np.zeros((2, 3))), "vocabulary", "the data are numbers: set it to standardize"),
        (examples(as_texts(["a", "b"])), "standardize", "the data are texts: set it to vocabulary"),
        (examples(np.zeros((2, 3))), "standardise", "Did you mean 'standardize'"),
    ],
)
def test_bad_examples_are_refused(raw, preprocessing, message):
    with pytest.raises(UserError, match=message):
        read_examples(raw, data_settings(preprocessing=preprocessing))
