"""Names are looked up, and mistyped ones come back with the nearest known name."""

from __future__ import annotations

import sys

import pytest

from fedexperts.errors import UserError
from fedexperts.federation.rules import RULES
from fedexperts.models.registry import MODELS
from fedexperts.partitioning.registry import SCHEMES
from fedexperts.personalization.registry import KINDS, METHODS
from fedexperts.preprocessing import PREPROCESSING
from fedexperts.registry import check_known, resolve, unknown

KNOWN = {"apple": "math:pi", "pear": "os.path:join", "broken": "os.path:nowhere", "lost": "no_such_package:x"}


def paths(registry):
    return {name: getattr(entry, "path", entry) for name, entry in registry.items()}


@pytest.mark.parametrize(
    "registry", [RULES, MODELS, SCHEMES, KINDS, METHODS, PREPROCESSING], ids=lambda known: next(iter(known))
)
def test_every_registered_name_leads_somewhere(registry):
    known = paths(registry)
    assert all(resolve("thing", name, known) is not None for name in known)


def test_a_name_or_an_import_path_is_resolved():
    assert resolve("fruit", "apple", KNOWN) == pytest.approx(3.14159, abs=1e-4)
    assert resolve("fruit", "os.path:split", KNOWN) is __import__("os").path.split


def test_looking_a_name_up_imports_nothing():
    check_known("fruit", "pear", {**KNOWN, "pear": "wave:open"})
    assert unknown("fruit", "lost", KNOWN) is None
    assert "no_such_package" not in sys.modules


def test_an_unknown_name_is_told_with_the_nearest_one_and_all_others():
    message = "there is no fruit 'aple'. Did you mean 'apple'? Known: apple, broken, lost, pear"
    assert unknown("fruit", "aple", KNOWN) == message
    with pytest.raises(UserError) as caught:
        check_known("fruit", "aple", KNOWN)
    assert str(caught.value) == message
    with pytest.raises(UserError, match="or an import path such as"):
        resolve("fruit", "aple", KNOWN)
    assert "Did you mean" not in unknown("fruit", "xyz", KNOWN)


def test_an_import_path_is_known_only_where_one_will_do():
    assert unknown("fruit", "a.b:c", KNOWN, open_ended=True) is None
    assert "there is no fruit 'a.b:c'" in unknown("fruit", "a.b:c", KNOWN)


@pytest.mark.parametrize("name", ["broken", "lost", "os.path:nowhere", "no_such_package:x", "not a path:x"])
def test_a_path_that_leads_nowhere_is_told(name):
    with pytest.raises(UserError, match=f"the fruit '{name}' cannot be imported"):
        resolve("fruit", name, KNOWN)
