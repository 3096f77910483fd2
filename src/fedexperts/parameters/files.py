"""The files that settings stand in: which ones there are, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from fedexperts.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

KINDS = ("parameters", "catalog", "globals")


def find_files(folder: Path, kind: str) -> list[Path]:
    """Find the files of one of the :data:`KINDS` in a folder of configuration, as Kedro looks for them."""
    patterns = (f"**/{kind}*.y*ml", f"{kind}*/**/*.y*ml")
    found = {file for pattern in patterns for file in folder.glob(pattern) if file.is_file()}
    return sorted(found)


def read_files(project: Path, files: Iterable[Path]) -> list[tuple[str, dict[Any, Any]]]:
    """Read files of settings.

    Args:
        project: The project's folder, which the names in messages start from.
        files: What to read.

    Returns:
        The name and the content of each.

    Raises:
        UserError: If any cannot be read; the message lists all that cannot.
    """
    contents, problems = [], []
    for file in files:
        name = str(file.relative_to(project) if file.is_relative_to(project) else file)
        try:
            contents.append((name, _read(file)))
        except UserError as error:
            problems.append(f"  {name}: {error}")
    if problems:
        plural = "s" if len(problems) > 1 else ""
        raise UserError(
            "\n".join([f"{len(problems)} file{plural} cannot be read; nothing was run", *problems])
        )
    return contents


def _read(file: Path) -> dict[Any, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
        twice = [
            _line(key.start_mark) + f"{key.value!r} stands there a second time" for key in _repeated(tree)
        ]
    except OSError as error:
        raise UserError(f"it cannot be opened: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"it is no UTF-8 text: {error.reason} at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        raise UserError(f"{_line(error.problem_mark)}it is no YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise UserError(f"it is no YAML: {' '.join(str(error).split())}") from error
    except ValueError as error:  # a date that does not exist, a number of thousands of digits
        raise UserError(f"it holds a value that cannot be read: {error}") from error
    except RecursionError as error:
        raise UserError("it is nested too deeply") from error
    if content is not None and not isinstance(content, dict):
        raise UserError(
            f"it has to hold settings, as `name: value`, but it is a {type(content).__name__} as a whole"
        )
    if twice:
        raise UserError("; ".join(twice))
    return content or {}


def _repeated(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """The keys that a mapping has already, which YAML would let replace the earlier ones without a word."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                yield key
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
            yield from _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated(item)


def _line(mark: yaml.Mark | None) -> str:
    return "" if mark is None else f"line {mark.line + 1}: "
