"""Versions that are safe when runs go on side by side.

Kedro names a version by the millisecond in which the run began, and loads the newest. Of two runs in the same
folders one could therefore read what the other has just stored, or both store under one name. Here every run
has a version to itself, and reads what it wrote.
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl
from kedro.io.core import DatasetError, Version, VersionNotFoundError

from fedexperts.datasets.versioned import is_versioned
from fedexperts.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline

FORMAT = "%Y-%m-%dT%H.%M.%S.%fZ"
MOST_SHOWN = 5


class VersionHooks:
    """Gives every run a version of its own, for all that it stores."""

    @hook_impl(trylast=True)  # after the hooks that may refuse to run
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Fix the versions that the run reads, and the one for all that it stores."""
        check_chosen(run_params.get("load_versions") or {}, pipeline, catalog)
        for name in pipeline.inputs():
            _pin(catalog.get(name))
        outputs = [catalog.get(name) for name in (*pipeline.all_outputs(), "run_manifest")]
        versioned = [dataset for dataset in outputs if is_versioned(dataset)]
        if len(versioned) <= 1:
            return  # nothing but the manifest, which is then not written
        own = str(run_params["run_id"])
        if getattr(versioned[-1], "_protocol", "") == "file":
            own = claim(Path(versioned[-1]._filepath), own)  # noqa: SLF001
        for dataset in versioned:
            dataset._version = Version(own, own)  # noqa: SLF001 - there is no public way


def check_chosen(chosen: Mapping[str, str], pipeline: Pipeline, catalog: DataCatalog) -> None:
    """Refuse versions that the run would not or could not load.

    Args:
        chosen: The version of each data set that ``--load-versions`` names.
        pipeline: What is going to be run.
        catalog: Where the data sets are.

    Raises:
        UserError: If there are such; the message lists all of them.
    """
    found = {name: _not_loaded(name, version, pipeline, catalog) for name, version in chosen.items()}
    lines = [
        f"  --load-versions: {name}:{chosen[name]}: {problem}" for name, problem in found.items() if problem
    ]
    if lines:
        plural = "s" if len(lines) > 1 else ""
        raise UserError(
            "\n".join([f"{len(lines)} version{plural} cannot be loaded; nothing was run", *lines])
        )


def _not_loaded(name: str, version: str, pipeline: Pipeline, catalog: DataCatalog) -> str | None:
    if name in pipeline.all_outputs():
        return (
            "this run makes it itself and reads what it has made; leave the version out, or choose with "
            "--pipelines only those that come after it"
        )
    if name not in pipeline.inputs():
        return "this run does not read it; leave the version out"
    dataset = catalog.get(name)
    if not is_versioned(dataset):
        return "the catalog keeps no versions of it; leave the version out"
    try:
        known = dataset.list_versions(full_path=False)
    except VersionNotFoundError:
        known = []
    if version in known:
        return None
    more = f" and {len(known) - MOST_SHOWN} older" if len(known) > MOST_SHOWN else ""
    return f"there is no such version; there is {', '.join(known[:MOST_SHOWN]) or 'none at all'}{more}"


def _pin(dataset: object) -> None:
    """Let an input stay at the version that is the newest now; one that was chosen stays anyway."""
    if is_versioned(dataset):
        with contextlib.suppress(DatasetError):  # there is none, as is told when it is loaded
            newest = dataset.resolve_load_version()
            dataset._version = Version(newest, dataset.resolve_save_version())  # noqa: SLF001


def claim(folder: Path, version: str) -> str:
    """Take a version that no other run has.

    Args:
        folder: The folder of versions; the claim is a folder in it, which one run alone can make.
        version: The version to start with, ``YYYY-MM-DDThh.mm.ss.sssZ``.

    Returns:
        That version, or the next free millisecond.
    """
    try:
        (folder / version).mkdir(parents=True)
    except FileExistsError:
        later = datetime.strptime(version, FORMAT) + timedelta(milliseconds=1)  # noqa: DTZ007 - no zone is asked
        return claim(folder, later.strftime(FORMAT)[:-4] + "Z")
    return version
