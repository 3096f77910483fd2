"""Every command that the program or a document names can be given."""

from __future__ import annotations

import ast
import re
import shlex
from functools import cache
from typing import TYPE_CHECKING

import click
import kedro.runner
import pytest
from conftest import ROOT
from kedro.framework.cli.cli import KedroCLI
from test_docs import DOCUMENTS, settings

from fedexperts.pipeline_registry import register_pipelines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("*.py"))
PROGRAM = r"(?:kedro|python -m|pytest|make) "
IN_QUOTES = re.compile(rf"`(?:[A-Z_]+=\S+ )*({PROGRAM}[^`]+)`")
ON_A_LINE = re.compile(rf"^ {{4}}(?:[A-Z_]+=\S+ )*({PROGRAM}.+)$", re.MULTILINE)
ALONE = re.compile(r"(?<![\w-])--(?:(?:env|runner) \w+|params [a-z_.]+=\S+|[a-z][a-z-]+)")
# What stands for something else: a gap in a text, <version>, NAME, a path with a star, and so on.
OPEN = re.compile(r"\{\}|<.*>|[A-Z]+|.*[*/].*|.*\.\.\.")
OF_RUN = {
    "--pipelines": lambda: set(register_pipelines()),
    "--pipeline": lambda: set(register_pipelines()),
    "--env": lambda: {path.name for path in (ROOT / "conf").iterdir()},
    "--runner": lambda: set(dir(kedro.runner)),
    "--params": lambda: set(settings()),
}


def texts(node: ast.AST) -> Iterator[str]:
    """The strings of a module, each with ``{}`` for what is filled in."""
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
        yield "".join(map(str, parts))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    else:
        for child in ast.iter_child_nodes(node):
            yield from texts(child)


def commands(text: str) -> list[str]:
    text = text.replace("\\\n    ", "")
    found = [*IN_QUOTES.findall(text), *ON_A_LINE.findall(text)]
    return [" ".join(re.split(r" [#|>]", command)[0].split()) for command in found]


def options(text: str) -> list[str]:
    """The options that stand in a text by themselves, each in the command that it is for."""
    found = [option.rstrip('.,;)"') for option in ALONE.findall(IN_QUOTES.sub("", text))]
    return [
        f"kedro {'experiment run' if re.match('--(only|jobs)( |$)', option) else 'run'} {option}"
        for option in found
    ]


def named(path: Path) -> list[str]:
    """The commands that a file names."""
    content = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return commands(content)
    told = [text for text in texts(ast.parse(content)) if " " in text]
    return [command for text in told for command in (*commands(text), *options(text))]


@cache
def command_line() -> click.Command:
    return KedroCLI(ROOT)


def wrong(command: str) -> str | None:
    """What keeps a command from being given, if anything."""
    program, *words = shlex.split(command)
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        return None if words[0] in targets else f"no target {words[0]}"
    if program == "python":
        module = ROOT.joinpath(*words[1].split("."))
        there = module.is_dir() or module.with_suffix(".py").is_file() or words[1] == "pip"
        return None if there else f"no module {words[1]}"
    if program == "pytest":
        missing = [word for word in words if word.startswith("tests") and not (ROOT / word).exists()]
        return f"no {missing}" if missing else None
    found = command_line()
    while isinstance(found, click.Group) and words:
        name = words.pop(0)
        inner = found.get_command(click.Context(found), name)
        if inner is None:
            return f"no command {name}"
        found = inner
    return wrong_options(found, words)


def wrong_options(command: click.Command, words: list[str]) -> str | None:
    known = {name: option for option in command.params for name in option.opts}
    arguments = [option for option in command.params if isinstance(option, click.Argument)]
    words = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            experiments = [file.stem for file in (ROOT / "conf" / "experiments").glob("*.yml")]
            if not arguments or not (OPEN.fullmatch(word) or word in experiments):
                return f"no {word}"
        elif word not in known:
            return f"no option {word}"
        elif words and not getattr(known[word], "is_flag", False):
            value, may_be = words.pop(0), OF_RUN.get(word, lambda: None)()
            values = [part.partition("=")[0] for part in re.sub(r"\[.*?\]", "", value).split(",")]
            unknown = [part for part in values if may_be and not OPEN.fullmatch(part) and part not in may_be]
            if unknown:
                return f"no {unknown} for {word}"
    return None


@pytest.mark.parametrize("name", [*DOCUMENTS, *SOURCES])
def test_every_command_that_is_named_can_be_given(name: str) -> None:
    problems = {command: wrong(command) for command in named(ROOT / name)}
    assert {command: problem for command, problem in problems.items() if problem} == {}


def test_the_messages_of_the_program_name_commands() -> None:
    found = {command for name in SOURCES for command in named(ROOT / name)}
    assert {
        "kedro run --pipelines client_partitioning",
        "kedro experiment run {}",
        "kedro run --env images",
    } <= found


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("kedro catalog list", "no command list"),
        ("kedro run --pipelines data,nope", "no ['nope'] for --pipelines"),
        ("kedro run --pipelines=nope", "no ['nope'] for --pipelines"),
        ("kedro run --env nope", "no ['nope'] for --env"),
        ("kedro run --params seed=1,sed=[1,2]", "no ['sed'] for --params"),
        ("kedro run --pipelinez data", "no option --pipelinez"),
        ("kedro run data", "no data"),
        ("kedro experiment run nope", "no nope"),
        ("python -m benchmarks.nope", "no module benchmarks.nope"),
        ("pytest tests/nope", "no ['tests/nope']"),
        ("make nope", "no target nope"),
    ],
)
def test_a_command_that_cannot_be_given_is_found(command: str, problem: str) -> None:
    assert wrong(command) == problem
