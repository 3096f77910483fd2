"""Checks that stages belong together.

Every stored model carries the fingerprints of what it was trained on. A later stage compares them with
what it was given, and refuses a mixture of stages from different runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedexperts.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

REMEDY = {
    "partition": "the data or its partition was made anew since",
    "opt_in": "the data, its partition or its opt-outs were made anew since",
    "generalist": "the generalist was trained anew since",
    "expert": "`model.expert` was changed since",
    "specialist": "`model.specialist` was changed since",
    "gate": "`model.gate` was changed since",
}


def check_lineage(what: str, stored: Mapping[str, str], expected: Mapping[str, str], pipeline: str) -> None:
    """Refuse a stored model that was not trained on what is at hand.

    Args:
        what: The stored model, for the message, such as ``"specialists"``.
        stored: Its lineage.
        expected: What the lineage has to be.
        pipeline: The pipeline that trains it.

    Raises:
        UserError: If they differ, or it was never trained; the message says so, and which pipeline to run.
    """
    if not stored:
        raise UserError(f"no stored {what} yet; train with `kedro run --pipelines {pipeline}`")
    reasons = [REMEDY[key] for key, value in expected.items() if stored.get(key) != value]
    if reasons:
        raise UserError(
            f"the stored {what} cannot be used with the other inputs: {'; '.join(reasons)}. "
            f"Train again with `kedro run --pipelines {pipeline}`, or choose matching versions with "
            "`--load-versions` (the run manifests say which belong together)"
        )
