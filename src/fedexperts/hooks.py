"""What happens around every run: settings are checked before it, a manifest and a table follow it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, cast

from kedro.framework.hooks import hook_impl
from rich.console import Console

from fedexperts import interruption
from fedexperts.configuration import Origins, check_parameters, imported
from fedexperts.datasets.files import WholeFiles
from fedexperts.datasets.versioned import is_versioned
from fedexperts.errors import UserError
from fedexperts.provenance.code import as_of_now, digest_modules
from fedexperts.provenance.environment import describe_commit, describe_environment
from fedexperts.provenance.fingerprint import fingerprint_examples
from fedexperts.provenance.manifest import build_manifest
from fedexperts.provenance.record import plain

if TYPE_CHECKING:
    from kedro.config import OmegaConfigLoader
    from kedro.framework.context import KedroContext
    from kedro.io import DataCatalog
    from kedro.io.core import AbstractVersionedDataset
    from kedro.pipeline import Pipeline

    from fedexperts.datasets.checkpoints import CheckpointsDataset
    from fedexperts.examples import Examples

COLUMNS = 100


class ParameterHooks:
    """Checks all settings before any work starts."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse settings that cannot work, all of them at once."""
        loader = cast("OmegaConfigLoader", context.config_loader)
        conf = context.project_path / loader.conf_source
        names = (loader.base_env, context.env or loader.default_run_env)
        origins = Origins(context.project_path, [conf / name for name in names], loader.runtime_params or {})
        typed = check_parameters(loader["parameters"], origins)
        seen_by_catalog = loader["catalog"].get("raw_data", {}).get("path")
        if typed.data.path != seen_by_catalog:
            raise UserError(
                f"{origins.find(('data', 'path'))}: data.path: {typed.data.path!r} does not reach the "
                "catalog, which reads the data; set `data_path` in globals.yml, or use --params data.path=..."
            )

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Refuse to skip nodes by their files alone, and a runner whose threads would share random state."""
        if run_params["only_missing_outputs"]:
            raise UserError(
                "--only-missing-outputs looks at whether files are there, and not at the settings, data and "
                "code that they were made with; leave it out. A run that was interrupted goes on by itself, "
                "`kedro run --pipelines` runs only the stages that you name, and "
                "`kedro experiment run` only what has not been computed with these settings"
            )
        if "ThreadRunner" in str(run_params["runner"]):
            raise UserError(
                "ThreadRunner would give other results in every run, since its threads share torch's random "
                "state; use --runner SequentialRunner (the default) or --runner ParallelRunner"
            )


class WholeFileHooks:
    """Keeps half a file from ever standing where a whole one is looked for."""

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Let what is stored appear only once it is written, as the safetensors files do anyway."""
        for name in (*pipeline.all_outputs(), "run_manifest"):
            dataset: Any = catalog.get(name)
            # Kedro's datasets have no public way to be given a file system.
            if getattr(dataset, "_protocol", None) == "file" and hasattr(dataset, "_fs"):
                dataset._fs = WholeFiles()  # noqa: SLF001


class CheckpointHooks:
    """Gives a run its unfinished work, and clears it away when the run has ended well."""

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Let the run go on from what an interrupted one has left."""
        if "checkpoints" in pipeline.inputs():
            checkpoints = cast("CheckpointsDataset", catalog.get("checkpoints"))
            checkpoints.begin(uuid.uuid4().hex, catalog.load("params:resume"))

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Remove what nobody needs any more."""
        if "checkpoints" in pipeline.inputs():
            catalog.load("checkpoints").release()

    @hook_impl
    def before_node_run(self) -> None:
        """Stop between two nodes if that was asked for."""
        interruption.check()


class ManifestHooks:
    """Writes the manifest of every run that stored something."""

    def __init__(self) -> None:
        self._code: dict[str, str] = {}
        self._commit: dict[str, str] = {}
        self._data = ""

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Look at code and data as they are now; in an hour the files may be others."""
        self._code = digest_modules(*imported(plain(catalog.load("parameters"))))
        self._commit = describe_commit()
        self._data = _data(pipeline.inputs(), catalog)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: object) -> None:
        """Look at the data that the run reads in itself; afterwards the file may be another run's."""
        if dataset_name == "examples":
            self._data = fingerprint_examples(cast("Examples", data))

    @hook_impl
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Note which versions the run read and wrote, with all that is needed to repeat it."""
        loaded, saved = {}, {}
        written = pipeline.all_outputs()
        for name in sorted(pipeline.datasets()):
            dataset = catalog.get(name)
            if is_versioned(dataset):
                if name in written:
                    saved[name] = str(dataset.resolve_save_version())
                else:
                    loaded[name] = str(dataset.resolve_load_version())
        if saved:
            environment = describe_environment(_device(pipeline, catalog), self._commit)
            code, data = as_of_now(self._code), self._data or _data(written, catalog)
            manifest = build_manifest(
                run_params, catalog.load("parameters"), environment, code, data, loaded, saved
            )
            catalog.save("run_manifest", manifest)


class ResultHooks:
    """Shows the result where a run made one."""

    # Last: the manifest is written even where the table cannot be shown, as on a closed terminal.
    @hook_impl(trylast=True)
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print the comparison, and where the report lies."""
        if "report" not in pipeline.all_outputs():
            return
        from fedexperts.evaluation.console import comparison_table  # noqa: PLC0415 - slow to import

        console = Console()
        if not console.is_terminal:
            console.width = COLUMNS  # a log or a pipe has no width of its own to keep to
        console.print(comparison_table(catalog.load("summary")))
        report = cast("AbstractVersionedDataset[str, str]", catalog.get("report"))
        console.print("\nThe report, with figures and all settings:", style="bold")
        console.print(str(report._get_load_path()), soft_wrap=True)  # noqa: SLF001 - Kedro has no public name for it


def _device(pipeline: Pipeline, catalog: DataCatalog) -> str:
    """The device that a run computed on; a run that trains no models and shows none has none."""
    if "params:device" not in pipeline.inputs():
        return "none"
    from fedexperts.training.device import name_device, resolve_device  # noqa: PLC0415 - torch is slow to import

    return name_device(resolve_device(catalog.load("params:device")))


def _data(names: set[str], catalog: DataCatalog) -> str:
    """A fingerprint of the examples, if they are among these data sets and there are any."""
    found = "examples" in names and catalog.exists("examples")
    return fingerprint_examples(catalog.load("examples")) if found else ""
