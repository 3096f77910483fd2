"""Nodes that measure every method for every client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from fedexperts.evaluation.frontier import COLUMNS as FRONTIER_COLUMNS
from fedexperts.evaluation.metrics import accuracy, expected_calibration_error, negative_log_likelihood
from fedexperts.examples import Examples
from fedexperts.models.weights import ClientWeights, GeneralistWeights
from fedexperts.parameters import EvaluationSettings, ModelSettings, PersonalizationSettings
from fedexperts.personalization.registry import KINDS, METHODS, needed_kinds
from fedexperts.progress import progress
from fedexperts.provenance.lineage import check_lineage
from fedexperts.provenance.record import combine, record

if TYPE_CHECKING:
    from fedexperts.personalization.predictions import Prediction


def evaluate_clients(
    examples: Examples,
    clients: pd.DataFrame,
    assignments: pd.DataFrame,
    preprocessing: dict[str, Any],
    generalist: GeneralistWeights,
    model: ModelSettings,
    settings: PersonalizationSettings,
    evaluation: EvaluationSettings,
    seed: int,
    device: str,
    **models: ClientWeights,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Measure every method on every client's own test set and on the shared one; look at gates and dials."""
    from fedexperts.personalization.calibration import estimate_bias
    from fedexperts.personalization.gates import gate_table, measure_gate
    from fedexperts.personalization.predictions import consult, move_dials, predict
    from fedexperts.pipelines.stages import open_stage
    from fedexperts.training.device import reproducibly

    with reproducibly():
        stage = open_stage(examples, clients, assignments, preprocessing, generalist, model, device)
        needed = needed_kinds(settings.methods)
        for kind in sorted(needed):
            made_of = {key: stage.lineage[key] for key in KINDS[kind].made_of}
            check_lineage(kind, models[kind].lineage, made_of, KINDS[kind].pipeline)
        bias = estimate_bias(stage.bench.architecture, stage.bench.generalist, settings, seed)
        rows, points, gates = [], [], []
        clients_in_all = len(stage.data.client_ids)
        with progress("Evaluating", clients_in_all) as report:
            for client in consult(stage.bench, stage.data, models, settings.methods, bias):
                of = {
                    "client_id": stage.data.client_ids[client.position],
                    "opted_out": bool(stage.data.opted_out[client.position]),
                }
                rows += [of | _scores(found, evaluation) for found in predict(client, settings)]
                if evaluation.frontier:
                    points += [of | _point(found) for found in move_dials(client, settings)]
                if "mixtures" in needed and not client.calibrated:
                    gates += measure_gate(client, stage.data, settings)
                report(client.position + 1, f"client {of['client_id']}")
        metrics = pd.DataFrame(rows).merge(clients[["client_id", "unseen"]], on="client_id")
        metrics["failed"] = [
            any(client in models[kind].failed for kind in METHODS[method].needs)
            for client, method in zip(metrics["client_id"], metrics["method"], strict=True)
        ]
        return metrics, gate_table(gates), pd.DataFrame(points, columns=list(FRONTIER_COLUMNS))


def _scores(found: Prediction, evaluation: EvaluationSettings) -> dict[str, Any]:
    return {
        "method": found.method,
        "calibrated": found.calibrated,
        "test_set": found.test_set,
        "n": len(found.labels),
        "accuracy": accuracy(found.log_probs, found.labels),
        "loss": negative_log_likelihood(found.log_probs, found.labels),
        "ece": expected_calibration_error(found.log_probs, found.labels, evaluation.calibration_bins),
    }


def _point(found: Prediction) -> dict[str, Any]:
    return {
        "method": found.method,
        "calibrated": found.calibrated,
        "dial": found.dial,
        "test_set": found.test_set,
        "accuracy": accuracy(found.log_probs, found.labels),
    }


def record_evaluation(
    clients: pd.DataFrame,
    federation_history: pd.DataFrame,
    client_metrics: pd.DataFrame,
    gate_weights: pd.DataFrame,
    frontier: pd.DataFrame,
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
        **{
            name: {**json.loads(lineage["settings"]), "engine": json.loads(lineage["engine"])}
            for name, lineage in trained.items()
        },
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
        "frontier": frontier,
    }
    return record(combine(stages), tables)
