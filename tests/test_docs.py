"""The documents: what they name is there, and what there is, is named."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from conftest import ROOT

from fedexperts.parameters import Parameters
from fedexperts.personalization.registry import KINDS, METHODS
from fedexperts.pipeline_registry import register_pipelines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

PACKAGE = ROOT / "src" / "fedexperts"
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
DOCUMENTS = [
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "RELEASE.md", *ROOT.glob("docs/*.md"))
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FOLDERS = ("conf/", "docs/", "notebooks/", "src/", "tests/", "data/")


def rows(document: str, first_heading: str) -> list[list[str]]:
    """The cells of the table whose first column is called so."""
    table = document.split(f"\n| {first_heading} |")[1].split("\n\n", maxsplit=1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def settings(model: type[BaseModel] = Parameters, prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and hasattr(field.annotation, "model_fields"):
            yield from settings(field.annotation, f"{prefix}{name}.")


def stored() -> dict[str, str]:
    """Where the catalog stores what: a path for each name, for the data set ``<dataset>``."""
    entries: dict[str, str] = {}
    for file in (ROOT / "conf" / "base").glob("*/catalog.yml"):
        for name, entry in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            entries[name] = entry.get("filepath", "").replace("${globals:dataset}", "<dataset>")
    return entries


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_relative_link_leads_somewhere(name: str) -> None:
    document = ROOT / name
    links = LINK.findall(document.read_text(encoding="utf-8"))
    local = [link.split("#")[0] for link in links if not re.match(r"[a-z]+:|#", link)]
    assert [link for link in local if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_is_named_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = [code for code in CODE.findall(text) if code.startswith(FOLDERS) and "<" not in code]
    made_by_runs = ("data/", "conf/local")
    missing = [path for path in named if not path.startswith(made_by_runs) and not (ROOT / path).exists()]
    assert missing == []


def test_every_stored_file_that_is_named_is_in_the_catalog() -> None:
    places = {Path(path) for path in stored().values()} | {
        Path("data/08_reporting/<dataset>/run_manifest.json")
    }
    for place, content in rows(README, "place"):
        folder = place.strip("`")
        files = [code for code in CODE.findall(content) if re.search(r"\.[a-z]+$", code)]
        if folder.startswith("data/"):
            assert Path(folder) in {path.parent for path in places}
            assert [file for file in files if Path(folder, file) not in places] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_setting_that_is_named_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    known = set(settings())
    groups = {key.split(".")[0] for key in known if "." in key}
    dotted = re.findall(
        rf"(?<![\w/.])((?:{'|'.join(sorted(groups))})\.[a-z_]+(?:\.[a-z_]+)*)(?=[=:`,\s])", text
    )
    assert [key for key in dotted if key not in known] == []


def test_the_readme_shows_every_group_of_settings_and_the_file_it_is_in() -> None:
    groups = {}
    for group, _, file in rows(README, "group"):
        groups[group.strip("`")] = file
        content = yaml.safe_load((ROOT / file.strip("`")).read_text(encoding="utf-8"))
        assert group.strip("`") in content
    assert set(groups) == {key.split(".")[0] for key in settings() if "." in key}


def test_the_readme_lists_the_registered_pipelines_with_what_they_store() -> None:
    registered = register_pipelines()
    table = {name.strip("`"): outputs for name, _, outputs in rows(README, "pipeline")}
    assert list(table) == list(registered)
    for name, outputs in table.items():
        assert set(CODE.findall(outputs)) <= registered[name].all_outputs()
    commands = re.findall(r"--pipelines?[= ]([a-z_]+)", README)
    assert commands
    assert set(commands) <= set(registered)


def test_the_readme_compares_the_registered_methods() -> None:
    assert [CODE.findall(row[0])[0] for row in rows(README, "method")] == list(METHODS)


def test_the_environments_that_are_named_exist() -> None:
    named = {
        name
        for path in DOCUMENTS
        for name in re.findall(r"--env ([a-z0-9_]+)", (ROOT / path).read_text("utf-8"))
    }
    assert [name for name in named if not (ROOT / "conf" / name).is_dir()] == []


def test_the_layers_are_those_that_import_linter_holds() -> None:
    contract = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("\nlayers = ")[1].split("\n]")[
        0
    ] + "]"
    held = [set(re.split(r" [|:] ", layer)) for layer in ast.literal_eval(contract)]
    shown = [set(CODE.findall(modules)) for _, modules, _ in rows(ARCHITECTURE, "layer")]
    assert shown == held


def test_the_random_streams_that_are_named_are_drawn_from() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    purposes = [purpose for names, *_ in rows(ARCHITECTURE, "purpose") for purpose in CODE.findall(names)]
    literal = set(re.findall(r'"((?:partition|federation|[a-z]+s)/[a-z_]+|bootstrap)"', code))
    composed = {f"partition/{word}" for word in re.findall(r'_draw\(.*, seed, "([a-z_]+)"\)', code)}
    composed |= {f"{kind}/batches" for kind in KINDS}
    assert set(purposes) == literal | composed
