"""What the stages that follow the federation have in common: they open the same inputs, and check them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fedexperts.federation.clients import select_opt_in
from fedexperts.models.architecture import Architecture
from fedexperts.models.inputs import InputSpec
from fedexperts.personalization.data import PersonalData, select_personal
from fedexperts.personalization.training import Workbench, prepare
from fedexperts.provenance.fingerprint import fingerprint, fingerprint_examples, fingerprint_table
from fedexperts.provenance.lineage import check_lineage
from fedexperts.training.device import resolve_device

if TYPE_CHECKING:
    import pandas as pd

    from fedexperts.examples import Examples
    from fedexperts.models.weights import GeneralistWeights
    from fedexperts.parameters import ModelSettings


@dataclass(frozen=True, eq=False)
class Stage:
    """The opened inputs of a stage.

    Attributes:
        data: The data of the clients that are personalised.
        bench: What models are trained and computed with.
        lineage: What models trained here are trained on.
    """

    data: PersonalData
    bench: Workbench
    lineage: dict[str, str]


def open_stage(
    examples: Examples,
    clients: pd.DataFrame,
    assignments: pd.DataFrame,
    preprocessing: dict[str, Any],
    generalist: GeneralistWeights,
    model: ModelSettings,
    device: str,
) -> Stage:
    """Open the inputs of a stage, and refuse a generalist that was trained on something else.

    Raises:
        UserError: If the generalist belongs to another partition or architecture.
    """
    opt_in = select_opt_in(examples, assignments, preprocessing).fingerprint
    check_lineage(
        "generalist", generalist.lineage, {"opt_in": opt_in, "expert": model.expert}, "federated_training"
    )
    data = select_personal(examples, clients, assignments, preprocessing)
    architecture = Architecture(model, InputSpec(data.features.shape[1:], data.vocabulary), data.classes)
    tables = (fingerprint_table(clients), fingerprint_table(assignments))
    lineage = {
        "partition": fingerprint({}, (fingerprint_examples(examples), *tables, repr(preprocessing))),
        "generalist": fingerprint(generalist.parameters),
        "expert": model.expert,
        "specialist": model.specialist_name,
        "gate": model.gate,
    }
    return Stage(data, prepare(data, generalist, architecture, resolve_device(device)), lineage)
