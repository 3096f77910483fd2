"""What has been computed, as the manifests tell."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from fedexperts.errors import UserError
from fedexperts.experiments.finished import Finished, versions_to_load
from fedexperts.experiments.stages import Stage, canonical, stage_keys

plain_parameters = runpy.run_path(str(Path(__file__).parents[1] / "fixtures_small.py"))["plain_parameters"]

DEAL = Stage("deal", ("partition", "seed"), {}, ("cards", "pot"))
PLAY = Stage("play", ("federation",), {"cards": "deal", "pot": "deal"}, ("score",))
NAMES = ("cards", "pot", "score", "run_manifest")


class Folder:
    """A project's folder, as runs leave it."""

    def __init__(self, path):
        self.path = path

    def run(self, version, saved, loaded=None, env="test", **changes):
        """Leave what a run would that saved and loaded these."""
        parameters = plain_parameters({name.replace("__", "."): value for name, value in changes.items()})
        manifest = {
            "run": {"env": env},
            "parameters": parameters,
            "loaded_versions": loaded or {},
            "saved_versions": dict.fromkeys(saved, version),
        }
        for name in saved:
            self.write(name, version, "")
        self.write("run_manifest", version, json.dumps(manifest))

    def write(self, name, version, text):
        file = self.path / name / version / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def finished(self, environment="test"):
        found = Finished(environment, {name: self.path / name for name in NAMES}, (DEAL, PLAY))
        found.update()
        return found


def keys(env="test", **changes):
    parameters = plain_parameters({name.replace("__", "."): value for name, value in changes.items()})
    return stage_keys((DEAL, PLAY), env, canonical(parameters))


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_a_run_of_all_stages_makes_all_of_them(folder):
    folder.run("1", ["cards", "pot", "score"])
    made = folder.finished().made
    assert set(made) == set(keys().values())
    assert made[keys()["play"]].files == {"score": folder.path / "score" / "1" / "score"}
    assert made[keys()["deal"]].versions == {"cards": "1", "pot": "1"}


def test_a_stage_run_by_itself_belongs_to_the_settings_its_inputs_were_made_with(folder):
    folder.run("1", ["cards", "pot"], seed=1)
    folder.run("2", ["cards", "pot"], seed=2)
    # The seed of this run is not what its cards were dealt with.
    folder.run("3", ["score"], {"cards": "1", "pot": "1"}, seed=2)
    made = folder.finished().made
    assert keys(seed=1)["play"] in made
    assert keys(seed=2)["play"] not in made


def test_settings_that_a_stage_does_not_read_are_no_part_of_it(folder):
    folder.run("1", ["cards", "pot"], federation__rounds=3, engine__workers=2)
    assert set(folder.finished().made) == {keys()["deal"]}


def test_a_stage_whose_inputs_come_from_two_runs_belongs_to_nothing(folder):
    folder.run("1", ["cards", "pot"], seed=1)
    folder.run("2", ["cards", "pot"], seed=2)
    folder.run("3", ["score"], {"cards": "1", "pot": "2"})
    assert set(folder.finished().made) == {keys(seed=1)["deal"], keys(seed=2)["deal"]}


def test_a_stage_whose_inputs_nobody_tells_of_belongs_to_nothing(folder):
    folder.run("3", ["score"], {"cards": "1", "pot": "1"})
    assert folder.finished().made == {}


def test_what_was_deleted_is_not_there_but_what_was_made_from_it_is(folder):
    folder.run("1", ["cards", "pot", "score"])
    (folder.path / "pot" / "1" / "pot").unlink()
    assert set(folder.finished().made) == {keys()["play"]}


def test_half_a_stage_is_none(folder):
    folder.run("1", ["cards"])
    assert folder.finished().made == {}


def test_other_environments_and_versions_of_the_project_do_not_count(folder):
    folder.run("1", ["cards", "pot"], env="other")
    assert folder.finished().made == {}
    assert set(folder.finished("other").made) == {keys("other")["deal"]}
    manifest = json.loads((folder.path / "run_manifest/1/run_manifest").read_text())
    del manifest["parameters"]["federation"]
    folder.write("run_manifest", "2", json.dumps(manifest))
    folder.write("run_manifest", "3", "{}")
    folder.write("run_manifest", "4", "[]")
    found = folder.finished("other")
    assert len(found.made) == 1
    assert [file.parent.name for file in found.unreadable] == ["2", "3", "4"]


def test_of_the_same_made_twice_the_newest_counts_and_new_runs_are_seen(folder):
    folder.run("2", ["cards", "pot"])
    found = folder.finished()
    folder.run("3", ["cards", "pot"])
    folder.run("4", ["score"], {"cards": "2", "pot": "2"})
    found.update()
    deal, play = keys().values()
    assert found.made[deal].versions["cards"] == "3"
    assert [made.manifest.parent.name for made in found.made[play].lineage] == ["2", "4"], "not the newest"
    folder.run("1", ["cards", "pot"])  # it began first, and ended last
    found.update()
    assert found.made[deal].versions["cards"] == "3"
    (folder.path / "pot/3/pot").unlink()
    assert folder.finished().made[deal].versions["cards"] == "2", "what was deleted does not count"


def test_inputs_that_are_loaded_belong_together(folder):
    """What was made anew later than what was made from it does not go with it."""
    folder.run("2", ["cards", "pot"])
    folder.run("3", ["cards", "pot"])
    folder.run("4", ["score"], {"cards": "2", "pot": "2"})
    found = folder.finished()
    deal, play = keys().values()
    assert found.made[deal].versions["cards"] == "3"

    def loaded(**loads):
        point = SimpleNamespace(keys=keys())
        return versions_to_load(SimpleNamespace(loads=loads, points=(point,)), found.made)

    assert loaded(score=play, cards=deal, pot=deal) == {"cards": "2", "pot": "2", "score": "4"}
    assert loaded(cards=deal) == {"cards": "3"}
    (folder.path / "pot/2/pot").unlink()
    assert loaded(score=play, cards=deal) == {"cards": "3", "score": "4"}, "what was deleted cannot be loaded"


def test_a_damaged_manifest_is_told(folder):
    folder.write("run_manifest", "1", "{")
    with pytest.raises(UserError, match="manifest is damaged"):
        folder.finished()
