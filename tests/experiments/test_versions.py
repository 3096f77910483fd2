"""Runs side by side have versions of their own, and read what they wrote themselves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node

from fedexperts.errors import UserError
from fedexperts.versions import VersionHooks, check_chosen, claim

NOW = "2026-01-02T03.04.05.678Z"


def test_a_version_is_claimed_once(tmp_path):
    assert claim(tmp_path / "m", NOW) == NOW
    assert claim(tmp_path / "m", NOW) == "2026-01-02T03.04.05.679Z"
    assert claim(tmp_path / "m", "2026-12-31T23.59.59.999Z") == "2026-12-31T23.59.59.999Z"
    assert claim(tmp_path / "m", "2026-12-31T23.59.59.999Z") == "2027-01-01T00.00.00.000Z"


def test_many_runs_in_one_millisecond_get_versions_of_their_own(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        versions = list(pool.map(lambda _: claim(tmp_path, NOW), range(40)))
    assert len(set(versions)) == 40


def run(tmp_path, version):
    """A catalog as Kedro makes it for one run that stores a table and reads it again."""
    config = {
        name: {"type": kind, "filepath": str(tmp_path / name), "versioned": True}
        for name, kind in (("table", "pandas.ParquetDataset"), ("run_manifest", "json.JSONDataset"))
    }
    catalog = DataCatalog.from_config(config, save_version=version)
    pipeline = Pipeline([node(lambda: 0, None, "table", name="write")])
    VersionHooks().before_pipeline_run({"run_id": version}, pipeline, catalog)
    return catalog


@pytest.mark.parametrize("other", [NOW, "2026-01-02T03.04.06.000Z"])
def test_a_run_reads_its_own_results_though_another_has_stored_newer_ones(tmp_path, other, recwarn):
    first, second = run(tmp_path, NOW), run(tmp_path, other)
    second.save("table", pd.DataFrame({"run": [2]}))
    first.save("table", pd.DataFrame({"run": [1]}))
    assert first.load("table")["run"].tolist() == [1]
    assert second.load("table")["run"].tolist() == [2]
    assert first["table"].resolve_save_version() == NOW
    assert not [warning for warning in recwarn if "version" in str(warning.message)]


def test_a_run_that_stores_nothing_claims_nothing(tmp_path):
    config = {
        "run_manifest": {"type": "json.JSONDataset", "filepath": str(tmp_path / "m"), "versioned": True}
    }
    catalog = DataCatalog.from_config(config, save_version=NOW)
    pipeline = Pipeline([node(lambda: 0, None, "in_memory", name="compute")])
    catalog["in_memory"] = 0
    VersionHooks().before_pipeline_run({"run_id": NOW}, pipeline, catalog)
    assert not (tmp_path / "m").exists()


@pytest.fixture
def stored(tmp_path):
    """A catalog with seven versions of a table, and what can be asked of it."""
    for day in range(1, 8):
        run(tmp_path, f"2026-01-0{day}").save("table", pd.DataFrame({"run": [day]}))
    config = {
        name: {"type": "pandas.ParquetDataset", "filepath": str(tmp_path / name), "versioned": versioned}
        for name, versioned in (("table", True), ("result", True), ("single", False), ("other", True))
    }
    reads = Pipeline([node(lambda *_: 0, ["table", "single"], "result", name="read")])

    def check(**chosen):
        check_chosen(chosen, reads, DataCatalog.from_config(config, load_versions=chosen))

    return check


def test_a_version_that_is_there_may_be_chosen(stored):
    stored()
    stored(table="2026-01-01")
    stored(table="2026-01-07")


def test_versions_that_would_not_be_loaded_are_all_told_with_those_there_are(stored):
    with pytest.raises(UserError) as caught:
        stored(table="2026-01-09", result="2026-01-01", single="2026-01-01", other="2026-01-01")
    first, *lines = str(caught.value).splitlines()
    assert first == "4 versions cannot be loaded; nothing was run"
    newest = ", ".join(f"2026-01-0{day}" for day in (7, 6, 5, 4, 3))
    assert lines[0] == (
        f"  --load-versions: table:2026-01-09: there is no such version; there is {newest} and 2 older"
    )
    assert lines[1].startswith("  --load-versions: result:2026-01-01: this run makes it itself")
    assert lines[2].startswith("  --load-versions: single:2026-01-01: the catalog keeps no versions of it")
    assert lines[3] == "  --load-versions: other:2026-01-01: this run does not read it; leave the version out"
