"""The manifest holds what is needed to repeat a run."""

from __future__ import annotations

import json
import runpy
import subprocess
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from fedexperts.hooks import ManifestHooks
from fedexperts.provenance import code
from fedexperts.provenance.environment import PACKAGES, describe_commit, describe_environment
from fedexperts.provenance.fingerprint import fingerprint_examples
from fedexperts.provenance.manifest import build_manifest

small = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py")))


def test_a_manifest_survives_json_with_typed_and_plain_settings():
    typed = small.settings()
    parameters = {**small.plain_parameters(), "federation": typed.federation, "device": "auto", "seed": 11}
    run = {"run_id": "now", "env": "test", "pipeline_names": ["evaluation", "reporting"], "tags": []}
    manifest = build_manifest(
        run, parameters, {"device": "cpu"}, {"fedexperts": "0f"}, "f0", {"b": "2", "a": "1"}, {"c": "3"}
    )
    assert json.loads(json.dumps(manifest)) == manifest
    assert manifest["run_id"] == "now"
    assert manifest["run"] == {
        "env": "test",
        "pipelines": "evaluation,reporting",
        "load_versions": "a:1,b:2",
        "params": {name: value for name, value in manifest["parameters"].items() if name != "resume"},
    }
    assert manifest["seed"] == 11
    assert list(manifest["loaded_versions"].items()) == [("a", "1"), ("b", "2")]
    assert manifest["saved_versions"] == {"c": "3"}
    assert manifest["parameters"]["federation"]["rounds"] == 3
    assert manifest["parameters"]["partition"] == small.plain_parameters()["partition"]
    assert manifest["environment"]["device"] == "cpu"
    assert (manifest["code"], manifest["data"]) == ({"fedexperts": "0f"}, "f0")


def test_the_packages_are_named_with_their_versions():
    found = describe_environment("cpu", describe_commit())
    assert found["torch"] == version("torch")
    assert set(PACKAGES) <= set(found)
    assert all(isinstance(value, str) for value in found.values())


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(code, "PACKAGE", tmp_path)

    def git(*arguments):
        names = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        done = subprocess.run(
            ["git", *names, *arguments],  # noqa: S607 - whichever git is there
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "first")
    return SimpleNamespace(git=git, folder=tmp_path)


def test_the_commit_is_named_and_whether_the_tree_differs_from_it(repository):
    found = describe_environment("cpu", describe_commit())
    assert (found["git_commit"], found["git_state"]) == (repository.git("rev-parse", "HEAD"), "clean")
    (repository.folder / "file").write_text("two")
    assert describe_environment("cpu", describe_commit())["git_state"] == "dirty"


def test_the_folder_that_the_command_is_given_in_does_not_matter(repository, tmp_path_factory, monkeypatch):
    commit = repository.git("rev-parse", "HEAD")
    inner = repository.folder / "inner"
    inner.mkdir()
    for folder in (inner, tmp_path_factory.mktemp("elsewhere")):
        monkeypatch.chdir(folder)
        found = describe_environment("cpu", describe_commit())
        assert (found["git_commit"], found["git_state"]) == (commit, "clean")


def test_a_folder_without_a_repository_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(code, "PACKAGE", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    found = describe_environment("cpu", describe_commit())
    assert (found["git_commit"], found["git_state"]) == ("unknown", "unknown")


def test_a_machine_without_git_is_unknown(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    found = describe_environment("cpu", describe_commit())
    assert (found["git_commit"], found["git_state"]) == ("unknown", "unknown")


def test_the_data_that_a_run_reads_in_is_named_as_it_was_then():
    """Another run may have read in other data before this one ends."""
    examples = small.blobs(9)
    hooks = ManifestHooks()
    hooks.after_dataset_saved("examples", examples)
    hooks.after_dataset_saved("class_counts", None)
    assert hooks._data == fingerprint_examples(examples)


def test_the_commit_and_the_code_are_those_that_the_run_began_with(repository, monkeypatch, caplog):
    """Somebody pulls while a run goes on."""
    saved = {}
    catalog = SimpleNamespace(
        load=lambda _: small.plain_parameters(),
        get=lambda _: SimpleNamespace(_version="now", resolve_save_version=lambda: "now"),
        save=saved.__setitem__,
        exists=lambda _: False,
    )
    pipeline = SimpleNamespace(inputs=set, all_outputs=lambda: {"made"}, datasets=lambda: {"made"})
    monkeypatch.setattr("fedexperts.hooks.is_versioned", lambda _: True)
    (repository.folder / "module.py").write_text("one = 1")
    repository.git("add", ".")
    repository.git("commit", "-m", "second")
    code.package_digest.cache_clear()
    hooks = ManifestHooks()
    try:
        hooks.before_pipeline_run(pipeline, catalog)
        begun = repository.git("rev-parse", "HEAD")
        hooks.after_pipeline_run({"run_id": "now"}, pipeline, catalog)
        unchanged = saved.pop("run_manifest")
        (repository.folder / "module.py").write_text("one = 2")
        repository.git("commit", "-am", "third")
        hooks.after_pipeline_run({"run_id": "now"}, pipeline, catalog)
        changed = saved.pop("run_manifest")
    finally:
        code.package_digest.cache_clear()
    for manifest in (unchanged, changed):
        assert (manifest["environment"]["git_commit"], manifest["environment"]["git_state"]) == (
            begun,
            "clean",
        )
    ((name, digest),) = unchanged["code"].items()
    assert changed["code"] == {name: f"{digest}; changed while it ran"}
    assert "was changed while this run went on" in caplog.text
