"""Nodes that measure every method for every client."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from fedexperts.evaluation.metrics import accuracy, expected_calibration_error, negative_log_likelihood
from fedexperts.examples import Examples
from fedexperts.models.weights import ClientWeights, GeneralistWeights
from fedexperts.parameters import EvaluationSettings, ModelSettings, PersonalizationSettings
from fedexperts.personalization.registry import KINDS, needed_kinds
from fedexperts.provenance.lineage import check_lineage
from fedexperts.provenance.record import combine, record


def evaluate_clients(
    examples: Examples,
    clients: pd.DataFrame,
    assignments: pd.DataFrame,
    preprocessing: dict[str, Any],
    generalist: GeneralistWeights,
    model: ModelSettings,
    settings: PersonalizationSettings,
    evaluation: EvaluationSettings,
    device: str,
    **models: ClientWeights,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure every method on every client's own test set and on the shared one, and look at the gates."""
    from fedexperts.personalization.gates import measure_gates
    from fedexperts.personalization.predictions import predict_all
    from fedexperts.pipelines.stages import open_stage
    from fedexperts.training.device import reproducibly

    with reproducibly():
        stage = open_stage(examples, clients, assignments, preprocessing, generalist, model, device)
        needed = needed_kinds(settings.methods)
        for kind in sorted(needed):
            check_lineage(kind, models[kind].lineage, stage.lineage, KINDS[kind].pipeline)
        rows = [
            {
                "client_id": stage.data.client_ids[found.position],
                "opted_out": bool(stage.data.opted_out[found.position]),
                "method": found.method,
                "test_set": found.test_set,
                "n": len(found.labels),
                "accuracy": accuracy(found.log_probs, found.labels),
                "loss": negative_log_likelihood(found.log_probs, found.labels),
                "ece": expected_calibration_error(found.log_probs, found.labels, evaluation.calibration_bins),
            }
            for found in predict_all(stage.bench, stage.data, models, settings)
        ]
        metrics = pd.DataFrame(rows).merge(clients[["client_id", "unseen"]], on="client_id")
        mixtures = models["mixtures"] if "mixtures" in needed else ClientWeights.none()
        return metrics, measure_gates(stage.bench, stage.data, mixtures)


def record_evaluation(
    clients: pd.DataFrame,
    federation_history: pd.DataFrame,
    client_metrics: pd.DataFrame,
    gate_weights: pd.DataFrame,
    partition_settings: dict[str, Any],
    generalist: GeneralistWeights,
    settings: PersonalizationSettings,
    evaluation: EvaluationSettings,
    seed: int,
    **models: ClientWeights,
) -> dict[str, Any]:
    """Note which settings and tables the results come from, stage by stage."""
    trained = {"generalist": generalist.lineage}
    trained |= {kind: models[kind].lineage for kind in sorted(needed_kinds(settings.methods))}
    stages = {
        "partition": partition_settings,
        **{name: json.loads(lineage["settings"]) for name, lineage in trained.items()},
        "evaluation": {
            "seed": seed,
            "evaluation": evaluation.model_dump() | settings.at_evaluation,
        },
    }
    tables = {
        "clients": clients,
        "federation_history": federation_history,
        "client_metrics": client_metrics,
        "gate_weights": gate_weights,
    }
    return record(combine(stages), tables)
