"""The project as a user meets it: through the command line."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, Project, make_project
from kedro.config import OmegaConfigLoader

from fedexperts.configuration import Origins, check_parameters
from fedexperts.pipeline_registry import register_pipelines
from fedexperts.settings import CONFIG_LOADER_ARGS

STAGES = (
    "data_ingestion",
    "client_partitioning",
    "federated_training",
    "specialist_training",
    "gate_training",
    "evaluation",
    "reporting",
)
METHODS = [
    "fedavg",
    "local",
    "finetuned",
    "mixture",
    "density_ratio",
    "prior_shift",
    "average",
    "constant",
    "oracle",
]
FILES = {
    "05_model_input": ("clients.parquet", "assignments.parquet", "preprocessing.json"),
    "06_models": (
        "generalist.safetensors",
        "locals.safetensors",
        "specialists.safetensors",
        "mixtures.safetensors",
    ),
    "07_model_output": ("client_metrics.parquet", "gate_weights.parquet", "federation_history.parquet"),
    "08_reporting": ("summary.csv", "report.html", "run_manifest.json", "comparison.png"),
}
VERSION = r"\d{4}-\d{2}-\d{2}T\d{2}\.\d{2}\.\d{2}\.\d{3}Z"


@pytest.fixture
def copied(finished_project: Project, tmp_path: Path) -> Project:
    """A finished project that a test may change."""
    shutil.copytree(finished_project.path, tmp_path / "copy")
    return Project(tmp_path / "copy")


def test_a_full_run_stores_every_file_under_its_version(finished_project: Project) -> None:
    for folder, names in FILES.items():
        for name in names:
            stored = finished_project.path / "data" / folder / "test" / name
            versions = [path.name for path in stored.iterdir()]
            assert len(versions) == 1
            assert re.fullmatch(VERSION, versions[0])


def test_a_full_run_prints_the_comparison_and_says_where_the_report_is(project: Project) -> None:
    result = project.run()
    for method in METHODS:
        assert re.search(rf"^ {method}( \*)? +\d", result.stdout, flags=re.MULTILINE), result.stdout
    reports = [Path(line) for line in result.stdout.splitlines() if line.endswith("report.html")]
    assert [report.is_file() for report in reports] == [True]
    assert "Warning" not in result.stdout + result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_table_that_cannot_be_shown_costs_no_manifest(copied: Project) -> None:
    before = copied.latest("08_reporting", "run_manifest.json")
    command = [sys.executable, "-m", "kedro", "run", "--env", "test", "--pipelines", "reporting"]
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(command, cwd=copied.path, stdout=full, stderr=subprocess.PIPE, check=False)
    assert result.returncode != 0
    assert copied.latest("08_reporting", "run_manifest.json") > before


def test_metrics_have_a_row_per_client_method_and_test_set(finished_project: Project) -> None:
    metrics = pd.read_parquet(finished_project.latest("07_model_output", "client_metrics.parquet"))
    columns = [
        "client_id",
        "opted_out",
        "method",
        "calibrated",
        "test_set",
        "n",
        "accuracy",
        "loss",
        "ece",
    ]
    assert list(metrics.columns)[: len(columns)] == columns
    assert len(metrics) == 6 * len(METHODS) * 2
    assert not metrics.duplicated(["client_id", "method", "test_set"]).any()
    sizes = metrics.groupby(["client_id", "test_set"])["n"]
    assert (sizes.min() == sizes.max()).all()


def test_the_stages_run_one_by_one_and_end_where_the_full_run_ends(
    project: Project, finished_project: Project
) -> None:
    for stage in STAGES:
        project.run("--pipelines", stage)
    for file in (("06_models", "mixtures.safetensors"), ("07_model_output", "client_metrics.parquet")):
        assert project.latest(*file).read_bytes() == finished_project.latest(*file).read_bytes()


def test_the_composites_run_and_another_seed_gives_another_result(
    project: Project, finished_project: Project
) -> None:
    deprecated = project.run("--pipeline", "data", "--params", "seed=1")
    assert "deprecated" in deprecated.stdout + deprecated.stderr
    project.run("--pipelines", "federated_training", "--params", "seed=1")
    project.run("--pipelines", "personalization", "--params", "seed=1")
    name = "generalist.safetensors"
    assert (
        project.latest("06_models", name).read_bytes()
        != finished_project.latest("06_models", name).read_bytes()
    )


def test_every_registered_pipeline_has_a_test_that_runs_it() -> None:
    assert set(register_pipelines()) == {*STAGES, "data", "personalization", "__default__"}


def test_evaluation_refuses_models_of_another_partition(copied: Project) -> None:
    copied.run("--pipelines", "data", "--params", "seed=1")
    result = copied.kedro("run", "--env", "test", "--pipelines", "evaluation")
    assert result.returncode == 1
    assert "generalist" in result.stderr
    assert "partition" in result.stderr
    assert "kedro run --pipelines federated_training" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_evaluation_refuses_personal_models_of_another_generalist(copied: Project) -> None:
    copied.run("--pipelines", "federated_training", "--params", "federation.learning_rate=0.01")
    result = copied.kedro("run", "--env", "test", "--pipelines", "evaluation")
    assert result.returncode == 1
    assert "the generalist was trained anew since" in result.stderr
    assert "kedro run --pipelines" in result.stderr


def test_reporting_refuses_tables_of_another_partition(copied: Project) -> None:
    copied.run("--pipelines", "data", "--params", "seed=1")
    result = copied.kedro("run", "--env", "test", "--pipelines", "reporting")
    assert result.returncode == 1
    assert "clients changed since the evaluation" in result.stderr


def test_the_report_shows_the_settings_that_the_models_were_trained_with(copied: Project) -> None:
    copied.run("--pipelines", "reporting", "--params", "federation.rounds=77")
    report = copied.latest("08_reporting", "report.html").read_text()
    assert re.search(r"rounds</t[hd]>\s*<td[^>]*>4</td>", report), "the trained number of rounds"
    assert not re.search(r"rounds</t[hd]>\s*<td[^>]*>77</td>", report)


def test_matching_versions_can_be_chosen_again(copied: Project) -> None:
    manifest = json.loads(copied.latest("08_reporting", "run_manifest.json").read_text())
    version = manifest["saved_versions"]["generalist"]
    copied.run("--pipelines", "federated_training", "--params", "federation.learning_rate=0.01")
    copied.run("--pipelines", "evaluation", "--load-versions", f"generalist:{version}")


def test_the_manifest_names_what_was_read_and_written(copied: Project) -> None:
    first = json.loads(copied.latest("08_reporting", "run_manifest.json").read_text())
    copied.run("--pipelines", "evaluation")
    second = json.loads(copied.latest("08_reporting", "run_manifest.json").read_text())
    assert first["loaded_versions"] == {}
    assert second["loaded_versions"]["mixtures"] == first["saved_versions"]["mixtures"]
    saved = {"client_metrics", "gate_weights", "frontier", "evaluation_record"}
    assert set(second["saved_versions"]) == saved
    assert second["seed"] == 0
    assert second["parameters"]["partition"]["clients"] == 6
    assert second["environment"]["device"] in {"cpu", "cuda:0", "cuda"}
    assert second["environment"]["torch"][0].isdigit()


def test_a_manifest_repeats_its_run_whatever_has_been_changed_since(copied: Project) -> None:
    copied.run("--pipelines", "federated_training", "--params", "federation.learning_rate=0.01,seed=5")
    manifest = copied.latest("08_reporting", "run_manifest.json")
    generalist = copied.latest("06_models", "generalist.safetensors").read_bytes()
    copied.run("--pipelines", "client_partitioning,federated_training", "--params", "partition.alpha=0.4")
    assert copied.latest("06_models", "generalist.safetensors").read_bytes() != generalist
    parameters = copied.path / "conf" / "base" / "federated_training" / "parameters.yml"
    parameters.write_text(parameters.read_text().replace("batch_size: 10", "batch_size: 7"))
    again = copied.kedro("run", "--config", str(manifest))
    assert again.returncode == 0, again.stdout + again.stderr
    assert copied.latest("06_models", "generalist.safetensors").read_bytes() == generalist


@pytest.mark.parametrize(
    "options", [("--config", "CONFIG", "--params", "PARAMS"), ("--params", "PARAMS", "--config", "CONFIG")]
)
def test_settings_on_the_command_line_stand_over_those_of_a_file(
    copied: Project, options: tuple[str, ...]
) -> None:
    copied.run(
        "--pipelines", "client_partitioning", "--params", "partition.alpha=0.4,partition.clients=5,seed=5"
    )
    first = json.loads(copied.latest("08_reporting", "run_manifest.json").read_text())
    file = copied.path / "again.yml"
    file.write_text(json.dumps({"run": first["run"]}))
    values = {
        "CONFIG": str(file),
        "PARAMS": "partition.alpha=0.6,partition.opt_out_clients=[1],federation.learning_rate=2e-5",
    }
    result = copied.kedro("run", *(values.get(option, option) for option in options))
    assert result.returncode == 0, result.stderr
    second = json.loads(copied.latest("08_reporting", "run_manifest.json").read_text())
    expected = first["parameters"]
    expected["partition"] |= {"alpha": 0.6, "opt_out_clients": [1]}
    expected["federation"]["learning_rate"] = 2e-5
    assert second["parameters"] == expected
    assert second["run"]["pipelines"] == "client_partitioning"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("run: [", "it is no YAML"),
        ("seed: 1", "it has to hold options of `kedro run`, below the key `run`"),
        ("run: {tagz: data}", "there is no option 'tagz'. Did you mean 'tags'?"),
        ("run: {params: 'seed=[1'}", "'[' is not closed"),
        ("run: {params: {seed: '${x'}}", "${x"),
    ],
)
def test_a_mistake_in_a_file_of_options_is_told(project: Project, content: str, words: str) -> None:
    file = project.path / "options.yml"
    file.write_text(content)
    result = project.kedro("run", "--env", "test", "--config", str(file))
    assert result.returncode == 1
    assert result.stderr.startswith("Error: --")
    assert words in result.stderr
    assert not (project.path / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--params", "federation.roundz=3"), ["--params", "federation.roundz", "'rounds'"]),
        (("--params", "sed=3"), ["--params", "sed", "'seed'"]),
        (("--params", "seed=-1,partition.alpha=0"), ["2 settings", "seed", "partition.alpha"]),
        (("--params", "model.expert=small_cn"), ["model.expert", "'small_cnn'"]),
        (("--params", "device=cuda:9"), ["device", "cuda:9"]),
        (("--pipelines", "evaluatoin"), ["evaluatoin", "kedro registry list"]),
        (("--env", "nope"), ["nope", "conf/"]),
    ],
)
def test_a_mistake_is_told_without_a_traceback_and_nothing_is_run(
    project: Project, arguments: tuple[str, ...], expected: list[str]
) -> None:
    environment = () if "--env" in arguments else ("--env", "test")
    result = project.kedro("run", *environment, *arguments)
    assert result.returncode == 1
    assert "Traceback" not in result.stdout + result.stderr
    for words in expected:
        assert words in result.stderr
    assert not (project.path / "data").exists()


def test_a_mistake_in_a_file_is_told_with_the_file(project: Project) -> None:
    file = project.path / "conf/test/parameters.yml"
    file.write_text(file.read_text().replace("rounds: 4", "rounds: four"))
    result = project.kedro("run", "--env", "test")
    assert result.returncode == 1
    assert "conf/test/parameters.yml: federation.rounds: 'four' cannot be used" in result.stderr


def test_a_path_that_the_catalog_cannot_see_is_refused(project: Project) -> None:
    file = project.path / "conf/test/parameters.yml"
    file.write_text(file.read_text() + "data:\n  path: /somewhere\n")
    result = project.kedro("run", "--env", "test")
    assert result.returncode == 1
    assert "globals.yml" in result.stderr


def test_data_that_was_read_from_another_place_is_not_shared_out(project: Project) -> None:
    for name in ("mine", "yours"):
        rows = "".join(f"{name} text {row},{row % 2}\n" for row in range(200))
        (project.path / f"{name}.csv").write_text(f"text,label\n{rows}")

    def run(pipeline: str, name: str) -> subprocess.CompletedProcess[str]:
        params = f"data.path={name}.csv,partition.clients=5,partition.scheme=iid"
        return project.kedro("run", "--env", "texts", "--pipelines", pipeline, "--params", params)

    assert run("data_ingestion", "mine").returncode == 0
    assert run("client_partitioning", "mine").returncode == 0
    refused = run("client_partitioning", "yours")
    assert refused.returncode == 1
    assert "data.path was mine.csv when the data was read, but is yours.csv now" in refused.stderr
    assert len(list((project.path / "data/05_model_input/texts/assignments.parquet").iterdir())) == 1


def test_a_cohort_larger_than_the_opted_in_clients_is_refused(project: Project) -> None:
    result = project.kedro("run", "--env", "test", "--params", "partition.opt_out=0.9")
    assert result.returncode == 1
    assert "federation.clients_per_round" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_the_parallel_runner_gives_the_same_bits(project: Project, finished_project: Project) -> None:
    project.run("--runner", "ParallelRunner")
    for file in (("06_models", "mixtures.safetensors"), ("07_model_output", "client_metrics.parquet")):
        assert project.latest(*file).read_bytes() == finished_project.latest(*file).read_bytes()


def test_the_thread_runner_is_refused(project: Project) -> None:
    result = project.kedro("run", "--env", "test", "--runner", "ThreadRunner")
    assert result.returncode == 1
    assert "use --runner SequentialRunner" in result.stderr
    assert not (project.path / "data").exists()


def test_only_the_models_that_the_methods_need_are_trained(project: Project) -> None:
    result = project.run("--params", "personalization.methods=[local]")
    assert re.search(r"^ local +\d", result.stdout, flags=re.MULTILINE)
    metrics = pd.read_parquet(project.latest("07_model_output", "client_metrics.parquet"))
    assert list(metrics["method"].unique()) == ["fedavg", "local"]
    assert project.latest("06_models", "mixtures.safetensors").stat().st_size < 1000


def test_methods_are_evaluated_with_a_calibrated_generalist_and_moved_dials_without_training(
    copied: Project,
) -> None:
    file = copied.path / "conf/test/parameters.yml"
    chosen = "\n  calibration: auto\n  methods: [finetuned, mixture, wise_ft]\n"
    text = file.read_text().replace("\npersonalization:\n", f"\npersonalization:{chosen}")
    file.write_text(text.replace("\nevaluation:\n", "\nevaluation:\n  frontier: true\n"))
    result = copied.run("--pipelines", "evaluation,reporting")
    lines = [line.strip() for line in result.stdout.splitlines()]
    shown = [line.split("  ")[0] for line in lines if re.match(r"[a-z+ _]+  +\d", line)]
    assert shown == [
        "fedavg",
        "+ calibrated",
        "finetuned",
        "mixture",
        "+ calibrated",
        "wise_ft",
        "+ calibrated",
    ]
    frontier = pd.read_parquet(copied.latest("07_model_output", "frontier.parquet"))
    assert set(frontier["method"]) == {"mixture", "wise_ft"}
    assert set(frontier["calibrated"]) == {False, True}
    report = copied.latest("08_reporting", "report.html").read_text()
    assert "Mixture, calibrated" in report
    assert "No dial was moved" not in report


def test_knowing_the_pipelines_does_not_load_torch() -> None:
    code = (
        "import sys; from fedexperts.pipeline_registry import register_pipelines; register_pipelines(); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "environment", sorted(folder.name for folder in (ROOT / "conf").iterdir() if folder.is_dir())
)
def test_the_settings_of_every_environment_are_valid(environment: str) -> None:
    loader = OmegaConfigLoader(conf_source=str(ROOT / "conf"), env=environment, **CONFIG_LOADER_ARGS)
    check_parameters(loader["parameters"], Origins(ROOT, [ROOT / "conf"], {}))
    assert loader["catalog"]["raw_data"]["path"] == loader["parameters"]["data"]["path"]


def test_a_fresh_project_lists_its_pipelines(tmp_path: Path) -> None:
    listed = make_project(tmp_path / "project").kedro("registry", "list").stdout
    assert all(f"- {stage}\n" in listed for stage in STAGES)
