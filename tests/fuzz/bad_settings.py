"""Settings that cannot be used, generated from the classes of the settings themselves.

Load it with ``runpy.run_path``, as ``fixtures_small.py``.
"""

from __future__ import annotations

import math
import types
from typing import Annotated, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from hypothesis import strategies as st
from pydantic import BaseModel

from fedexperts.parameters import Parameters

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30)
NEVER = [math.nan, math.inf, -math.inf, True, False, {}, {"a": 1}, [[]], b"bytes", 1j, object]


def leaves(model=Parameters, outer=()):
    """Every setting that is no group: its dotted name, and its field."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from leaves(field.annotation, (*outer, name))
        else:
            yield ".".join((*outer, name)), field


def groups(model=Parameters, outer=()):
    """Every group: its dotted name, and the names in it."""
    yield ".".join(outer), list(model.model_fields)
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from groups(field.annotation, (*outer, name))


LEAVES = dict(leaves())
GROUPS = dict(groups())


def branches(annotation, metadata=()):
    """The kinds of values that a field allows, each with its bounds."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        yield from branches(inner, (*metadata, *more))
    elif get_origin(annotation) in {Union, types.UnionType}:
        for branch in get_args(annotation):
            yield from branches(branch, metadata)
    else:
        yield annotation, bounds(metadata)


def bounds(metadata):
    for part in metadata:
        yield from part.metadata if hasattr(part, "metadata") else [part]


def wrong(field):
    """Values that a field does not allow."""
    kinds = [(kind, list(found)) for kind, found in branches(field.annotation, tuple(field.metadata))]
    allowed = {kind for kind, _ in kinds}
    choices = [st.sampled_from(NEVER if bool not in allowed else NEVER[:3])]
    if type(None) not in allowed:
        choices.append(st.none())
    if not allowed & {str} and not any(get_origin(kind) is Literal for kind in allowed):
        choices += [WORDS, st.integers().map(str), st.floats().map(str)]
    if any(get_origin(kind) is Literal for kind in allowed):
        choices.append(WORDS.map(lambda text: f"{text}?"))
    if str in allowed:
        choices += [st.just(""), st.integers(4_001, 6_000).map(lambda length: "x" * length), st.integers()]
    if allowed <= {int, float, type(None)} or any(get_origin(kind) is Literal for kind in allowed):
        choices += [st.just([]), st.lists(st.integers(), max_size=3)]
        choices += list(beyond(kinds))
    if any(get_origin(kind) is tuple for kind in allowed):
        choices += [st.just([None]), st.just([-1]), st.just([0.5]), WORDS, st.integers(), st.just([True, ""])]
    return st.one_of(choices)


def beyond(kinds):
    """Numbers on the other side of the bounds, if they are so for every kind of number that is allowed."""
    found = [limit for kind, limits in kinds if kind in {int, float} for limit in limits]
    low = [limit.ge if isinstance(limit, Ge) else limit.gt for limit in found if isinstance(limit, Ge | Gt)]
    high = [limit.le if isinstance(limit, Le) else limit.lt for limit in found if isinstance(limit, Le | Lt)]
    if low:
        yield st.floats(max_value=min(low), exclude_max=True, allow_nan=False)
        yield st.integers(max_value=math.ceil(min(low)) - 1)
    if high:
        yield st.floats(min_value=max(high), exclude_min=True, allow_nan=False)
        # so far above that it is above as a float as well
        yield st.integers(min_value=math.floor(max(high) * 1.001) + 1, max_value=10**400)
        yield st.sampled_from([size for size in (10**30, 10**400) if size > max(high)])
    if {kind for kind, _ in kinds} <= {int, type(None)}:
        yield st.floats(1, 5).filter(lambda number: not number.is_integer())
        yield st.just(2.0)


@st.composite
def wrong_value(draw):
    key = draw(st.sampled_from(sorted(LEAVES)))
    return key, draw(wrong(LEAVES[key]))


@st.composite
def unknown_key(draw):
    group = draw(st.sampled_from(sorted(GROUPS)))
    known = draw(st.sampled_from(GROUPS[group]))
    place = draw(st.integers(0, len(known) - 1))
    slips = [
        known[:place] + known[place + 1 :],
        known[:place] + "x" + known[place:],
        known.upper(),
        f"{known}s",
    ]
    name = draw(st.sampled_from(slips) | WORDS.filter(str.isprintable)).replace(".", "_")
    if name in GROUPS[group] or not name:
        name = "no such name"
    return ".".join(filter(None, (group, name))), draw(st.none() | st.integers() | WORDS)


missing_key = st.sampled_from(sorted([*LEAVES, *filter(None, GROUPS)]))

NAMES = (
    "data.preprocessing",
    "partition.scheme",
    "model.expert",
    "model.gate",
    "model.specialist",
    "federation.aggregation",
)
unknown_name = st.tuples(
    st.sampled_from(NAMES),
    WORDS.map(lambda text: f"no {text}")
    | st.sampled_from(
        ["nope.module:Name", "math:pi", "math:", ":", "::", "json:nothing", "a b:c", "os.path:", "fedavg "]
    ),
)

contradiction = st.sampled_from(
    [
        ({"federation.clients_per_round": 31}, "federation.clients_per_round"),
        ({"partition.opt_out": 0.9}, "federation.clients_per_round"),
        ({"partition.opt_out": 1.0}, "federation.clients_per_round"),
        ({"partition.opt_out_examples": 1.0}, "federation.clients_per_round"),
        ({"partition.unseen_clients": 28}, "federation.clients_per_round"),
        ({"partition.opt_out_clients": list(range(27))}, "federation.clients_per_round"),
        ({"partition.clients": 1}, "federation.clients_per_round"),
        ({"partition.evaluated_clients": 31}, "partition"),
        ({"partition.unseen_clients": 30}, "partition"),
        ({"partition.evaluated_clients": 3, "partition.unseen_clients": 4}, "partition"),
        ({"partition.opt_out_clients": [30]}, "partition"),
        ({"partition.validation_size": 0.6, "partition.local_test_size": 0.5}, "partition"),
        ({"partition.validation_size": 0.99999, "partition.local_test_size": 5}, "partition"),
        ({"federation.momentum": 0.9}, "federation.momentum"),
        ({"personalization.momentum": 0.9, "personalization.optimizer": "adamw"}, "personalization.momentum"),
        ({"model.expert": "bilstm"}, "model.expert"),
        ({"model.specialist": "bag_of_embeddings"}, "model.specialist"),
        ({"data.preprocessing": "vocabulary"}, "model.gate"),
    ]
)
