"""Where results come from, and whether they may be put together."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from fedexperts.errors import UserError
from fedexperts.experiments.finished import Made
from fedexperts.experiments.grid import Choice
from fedexperts.experiments.origins import differences, trace
from fedexperts.experiments.plan import Point
from fedexperts.experiments.runner import Failure
from fedexperts.experiments.state import read_state, stand, write_state
from fedexperts.provenance.fingerprint import fingerprint


def point(seed=0, **axes):
    axes = {**axes, "seed": seed}
    return Point(Choice("test", axes, axes), {"play": fingerprint({}, [str(axes)])})


class Runs:
    """Manifests, as runs leave them."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, version, code="c", data="d", device="cpu", processor="p", **modules):
        environment = {
            "date": "today",
            "git_commit": "f",
            "git_state": "clean",
            "device": device,
            "processor": processor,
            "torch": "2",
        }
        code = {"code": {"fedexperts": code, **modules}} if code else {}
        return self.write(version, {"environment": environment, **code, "data": data})

    def write(self, version, manifest):
        file = self.folder / version / "run_manifest.json"
        file.parent.mkdir()
        file.write_text(json.dumps(manifest))
        return file


@pytest.fixture
def run(tmp_path):
    return Runs(tmp_path)


def test_a_row_says_what_all_runs_of_a_point_say(run):
    points = [point(0, alpha=0.1), point(1, alpha=0.1), point(0, alpha=None), point(7, alpha=1)]
    shared = [run("1", device="none", data=""), run("2", device="cuda")]
    manifests = {
        points[0].key: [run("3"), *shared],
        points[1].key: [run("4", mine="m"), *shared],
        points[2].key: [run("5", code=None), run("gone").parent / "no_such_file"],
    }
    table = trace(points, manifests)
    assert list(table)[:6] == ["point", "environment", "alpha", "seed", "date", "versions"]
    first, second, third = table.astype(object).where(table.notna(), None).to_dict("records")
    assert (first["alpha"], first["seed"], first["date"], first["versions"]) == (0.1, 0, "today", "3; 1; 2")
    assert (first["device"], first["data"], first["code.fedexperts"]) == ("cpu; cuda", "d", "c")
    assert (first["code.mine"], second["code.mine"]) == (None, "m")
    assert (third["alpha"], third["torch"], third["code.fedexperts"]) == (None, "2; unknown", "unknown")


def test_runs_that_differ_are_told_and_what_is_unknown_does_not_count(run):
    points = [point(0), point(1), point(2)]
    old = run.write("0", {"environment": {"device": "cpu", "torch": "2"}})
    alike = {points[0].key: [run("1", mine="m")], points[1].key: [run("2")], points[2].key: [old]}
    assert differences(trace(points, alike)) == []
    other = alike | {points[1].key: [run("3", code="e", device="cuda", processor="q", mine="n")]}
    told = ["device", "processor", "code.fedexperts", "code.mine"]
    assert differences(trace(points, other)) == told


def test_settings_on_different_data_are_told(run):
    points = [point(0, alpha=alpha) for alpha in (0.1, 1.0)]
    manifests = {
        p.key: [run(f"{i}", data=data)] for i, (p, data) in enumerate(zip(points, "ab", strict=True))
    }
    assert differences(trace(points, manifests)) == ["data"]


def test_seeds_on_different_data_are_refused_by_name(run):
    points = [point(seed, alpha=alpha) for alpha in (0.1, None) for seed in (0, 1)]
    data = ("a", "a", "b", "b")
    manifests = {p.key: [run(f"{i}", data=data[i])] for i, p in enumerate(points)}
    trace(points, manifests)  # settings are not averaged with one another
    with pytest.raises(UserError) as error:
        trace(points, manifests | {points[3].key: [run("9", data="c"), run("8", data="b")]})
    told = str(error.value)
    assert "test alpha=None seed=0: data b, versions 2\n" in told
    assert "test alpha=None seed=1: data c; b, versions 9; 8\n" in told
    assert "alpha=0.1" not in told


def test_a_point_has_the_results_of_the_runs_that_it_comes_from(tmp_path):
    def made(key, version, name, *sources):
        file = tmp_path / name / version
        file.parent.mkdir(exist_ok=True)
        file.write_text("")
        return Made(key, tmp_path / "manifests" / version, {name: file}, {name: version}, sources)

    only = point()
    old, new = (made("train", version, "federation_history") for version in "13")
    found = {"train": new, only.key: made(only.key, "2", "client_metrics", old)}
    sources = [{"test": SimpleNamespace(made=found)}]
    (entry,) = stand(tmp_path, [only], {}, sources).values()
    assert (entry.manifest, entry.sources) == ("manifests/2", ["manifests/1"])
    assert entry.results == {
        "client_metrics": "client_metrics/2",
        "federation_history": "federation_history/1",
    }
    write_state(tmp_path, tmp_path, {only.key: entry})
    assert read_state(tmp_path, tmp_path) == {only.key: entry}
    write_state(tmp_path, tmp_path, {})
    assert read_state(tmp_path, tmp_path) == {only.key: entry}, "its point may be asked for again"


def test_a_point_fails_for_the_first_reason_that_there_is(tmp_path):
    only = point()
    job = SimpleNamespace(points=[only])
    failures = [
        Failure(job, "it diverged", tmp_path / "log"),
        Failure(job, "a run whose results it needs failed", None),
    ]
    nothing = [{"test": SimpleNamespace(made={})}]
    (entry,) = stand(tmp_path, [only], {}, nothing, failures).values()
    assert (entry.reason, entry.log) == ("it diverged", "log")


def test_of_several_copies_the_newest_run_of_a_point_counts(tmp_path):
    def copy(name, version):
        file = tmp_path / name / "client_metrics"
        file.parent.mkdir()
        file.write_text("")
        manifest = tmp_path / name / version / "manifest"
        made = Made(only.key, manifest, {file.name: file}, {file.name: version}, ())
        return {"test": SimpleNamespace(made={only.key: made})}

    only = point()
    copies = [copy("a", "2026-11-24"), copy("b", "2026-11-29"), copy("c", "2026-11-23")]
    (entry,) = stand(tmp_path, [only], {}, copies).values()
    assert entry.manifest == "b/2026-11-29/manifest"
    noted = {only.key: entry}
    for older in (copies[:1], [{"test": SimpleNamespace(made={})}]):
        assert stand(tmp_path, [only], noted, older) == noted, "what is here or elsewhere is older"
    (entry,) = stand(tmp_path, [only], {}, [*copies[:1], {"test": SimpleNamespace(made={})}]).values()
    assert entry.manifest == "a/2026-11-24/manifest"


def test_what_an_earlier_version_remembered_is_not_forgotten(tmp_path):
    entry = {"label": "a", "state": "finished", "manifest": "m", "results": {}, "reason": "", "log": ""}
    (tmp_path / "points.json").write_text(json.dumps({"k": entry}))
    assert read_state(tmp_path, tmp_path)["k"].sources == ()
