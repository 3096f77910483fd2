"""Where the project lies, and how measured figures get into its documents."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def put(text: str, name: str, document: str) -> str:
    """Write a text between the marks of a name in a document, in place of what is there.

    Raises:
        ValueError: If the document has no such marks.
    """
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    filled, places = pattern.subn(f"{start}\n{text}\n{end}".replace("\\", r"\\"), document)
    if not places:
        raise ValueError(f"the document has no place for this table: {start}{end}")
    return filled
