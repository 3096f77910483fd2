"""What stopped a run, in words for the person who can mend it.

There are three kinds. A *mistake* in settings, files or the command line is reported and nothing more. What
the *machine* refuses, such as room on a full disk, is reported as such. Anything else is a *fault* in the
program: it is called that, and never dressed up as a mistake of the user's. The traceback of the last two is
kept.
"""

from __future__ import annotations

import errno
import traceback
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from kedro.config import MissingConfigException
from kedro.io.core import DatasetError, VersionNotFoundError
from omegaconf.errors import OmegaConfBaseException

from fedexperts.errors import UserError, is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

LOG = "logs/errors.log"

# What Kedro says about a command that cannot be carried out, and where to look; it has no classes for these.
REFUSALS = {
    "Failed to find the pipeline": "`kedro registry list` names all pipelines.",
    "Pipeline does not contain": "`kedro registry describe` names its nodes, with what they read and write.",
    "Pipeline contains no nodes": "`kedro registry describe` names the nodes and tags of a pipeline.",
    "Pipeline input(s)": "`kedro registry describe` shows what the pipeline needs.",
    "Duplicate keys found": "Keep one of them.",
    "Given configuration path": "Folders of configuration are those in conf/.",
    "'load_versions' keys": "`kedro catalog describe-datasets` names the data sets.",
}

REMEDIES = {
    errno.ENOSPC: "The disk is full: make room on it, and run again.",
    errno.EDQUOT: "Your quota of the disk is used up: make room, and run again.",
    errno.EFBIG: "A file would grow larger than is allowed here; `ulimit -f` shows the limit.",
    errno.EROFS: "That place can only be read: move the project, or change `filepath` in the catalog.",
    errno.EACCES: "You may not read or write there: change its permissions, or `filepath` in the catalog.",
    errno.EPERM: "You may not read or write there: change its permissions, or `filepath` in the catalog.",
    errno.ENOTDIR: "Something that is no folder stands where a folder has to be: move it away.",
    errno.EEXIST: "Something that is no folder stands where a folder has to be: move it away.",
    errno.EISDIR: "A folder stands where a file has to be: move it away.",
    errno.EMFILE: "Too many files are open; `ulimit -n` shows the limit.",
}


def tell(
    error: BaseException, project: Path, files: Sequence[tuple[str, dict[Any, Any]]], hint: str = ""
) -> str:
    """Say what stopped a run.

    Args:
        error: What was raised.
        project: The project's folder. The traceback of what is no mistake is added to :data:`LOG` in it.
        files: The name and content of each file of configuration, to name the one at fault.
        hint: How else to see the traceback of what is no mistake.
    """
    chain = list(_causes(error))
    for words in (_mistake, _refused_by_kedro, _of_configuration):
        text = next((found for part in chain if (found := words(part, files))), None)
        if text:
            return text
    text = next((found for part in chain if (found := _refused_by_machine(part))), None) or (
        f"this is a fault in the program, or in a module of your own, and not in your settings or data:\n"
        f"{type(chain[-1]).__name__}: {chain[-1]}"
    )
    return f"{text}\n{_keep_traceback(error, project)}{hint}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was raised from. What was merely being handled then, may have been dealt with."""
    while error is not None:
        yield error
        error = error.__cause__


def _mistake(error: BaseException, _files: object) -> str | None:
    return str(error) if isinstance(error, UserError) else None


def _refused_by_kedro(error: BaseException, _files: object) -> str | None:
    if isinstance(error, MissingConfigException):
        return f"{error}\nThe environments, for --env, are the folders in conf/."
    if isinstance(error, VersionNotFoundError):
        return f"{error}\nAn earlier pipeline makes it: run that one first, or all of them with `kedro run`."
    if isinstance(error, ValueError | DatasetError):
        for start, remedy in REFUSALS.items():
            if str(error).startswith(start):
                return f"{error}\n{remedy}"
    return _about_a_dataset(error) if isinstance(error, DatasetError) else None


def _about_a_dataset(error: DatasetError) -> str | None:
    text = str(error).strip()
    if "Failed while " not in text:
        return f"the catalog cannot be used: {text}"
    *_, root = _causes(error)
    # Only of datasets that are not the project's own: in those, such an error would be a fault.
    if "Failed while loading data from dataset kedro_datasets." in text and isinstance(
        root, ValueError | EOFError
    ):
        return f"{text}\nThe file is damaged: delete it, and run the pipeline that makes it."
    return None


def _of_configuration(error: BaseException, files: Sequence[tuple[str, dict[Any, Any]]]) -> str | None:
    if not isinstance(error, OmegaConfBaseException):
        return None
    key = str(error.full_key or "")
    place = next((f"{name}: " for name, content in files if key.partition(".")[0] in content), "")
    return f"{place}{key}: {str(error).splitlines()[0]}"


def _refused_by_machine(error: BaseException) -> str | None:
    text = " ".join(str(error).split())
    if is_out_of_memory(error):
        return (
            f"the memory does not suffice: {text or 'no room is left'}\n"
            "Smaller batches or models need less, and so do fewer clients at once."
        )
    code = error.errno if isinstance(error, OSError) else None
    return f"the machine refused: {text}\n{REMEDIES.get(code, '')}".rstrip() if code else None


def _keep_traceback(error: BaseException, project: Path) -> str:
    """Add the traceback to the log, and say where it is."""
    log = project / LOG
    text = "".join(traceback.format_exception(error))
    try:
        log.parent.mkdir(exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC\n{text}\n")
    except OSError:
        return "There is no place to keep the traceback."
    return f"The traceback is in {LOG}."
