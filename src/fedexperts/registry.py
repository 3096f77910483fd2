"""Names for things that can be chosen by a setting.

A registry maps a name to an import path, so that knowing the names costs no import of what stands behind
them. Anything not in it can be given by its own import path, ``"package.module:Name"``.
"""

from __future__ import annotations

import difflib
import pkgutil
from typing import TYPE_CHECKING, Any

from fedexperts.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping


def unknown(kind: str, name: str, known: Mapping[str, object], *, open_ended: bool = False) -> str | None:
    """Say what is wrong with a name that nothing answers to.

    Args:
        kind: What the name stands for, for the message, such as ``"model"``.
        name: The name that was asked for.
        known: The registry to look it up in.
        open_ended: Whether an import path will do too.

    Returns:
        The problem, with the nearest known name, or None if there is none.
    """
    if name in known or (open_ended and ":" in name):
        return None
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    other = ", or an import path such as 'package.module:Name'" if open_ended else ""
    return f"there is no {kind} {name!r}.{hint} Known: {', '.join(sorted(known))}{other}"


def check_known(kind: str, name: str, known: Mapping[str, object], *, open_ended: bool = False) -> None:
    """Refuse a name that nothing answers to; see :func:`unknown`.

    Raises:
        UserError: If the name is neither registered nor an import path that is allowed.
    """
    problem = unknown(kind, name, known, open_ended=open_ended)
    if problem:
        raise UserError(problem)


def resolve(kind: str, name: str, known: Mapping[str, str]) -> Any:  # noqa: ANN401 - whatever was registered
    """Import what a registered name or an import path stands for.

    Raises:
        UserError: If the name is unknown, or its import path leads nowhere.
    """
    check_known(kind, name, known, open_ended=True)
    path = known.get(name, name)
    try:
        return pkgutil.resolve_name(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"the {kind} {name!r} cannot be imported: {error}") from error
