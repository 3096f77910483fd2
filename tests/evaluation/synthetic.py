"""Made-up results of a federation, shaped and sized like real ones."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from fedexperts.examples import Examples
from fedexperts.parameters import EvaluationSettings

METHODS = ("fedavg", "local", "finetuned", "mixture", "average", "constant", "oracle")
GAIN = {
    "fedavg": (0.0, 0.0),
    "local": (0.03, -0.48),
    "finetuned": (0.10, -0.20),
    "mixture": (0.108, -0.06),
    "average": (0.06, -0.045),
    "constant": (0.095, -0.10),
    "oracle": (0.145, 0.045),
}


@dataclass(frozen=True)
class Results:
    """Everything that the reporting pipeline reads."""

    client_metrics: pd.DataFrame
    gate_weights: pd.DataFrame
    frontier: pd.DataFrame
    federation_history: pd.DataFrame
    clients: pd.DataFrame
    examples: Examples
    evaluation: EvaluationSettings = field(
        default_factory=lambda: EvaluationSettings(
            calibration_bins=15, resamples=400, confidence=0.95, frontier=False
        )
    )
    seed: int = 7

    @property
    def parameters(self) -> dict[str, object]:
        """All settings, some of them typed, as Kedro hands them to a node."""
        return {
            "seed": self.seed,
            "device": "auto",
            "data": {"path": None, "preprocessing": "standardize"},
            "partition": {"scheme": "dirichlet", "alpha": 0.3, "clients": len(self.clients)},
            "federation": {
                "rounds": 120,
                "clients_per_round": 5,
                "learning_rate": 0.001,
                "validate_every": 5,
            },
            "personalization": {"methods": ["local", "finetuned", "mixture"], "local_learning_rate": 5e-05},
            "evaluation": self.evaluation.model_dump(mode="json"),
        }


ENVIRONMENT = {
    "date": "2026-01-02T03:04:05+00:00",
    "git_commit": "0123456789abcdef0123456789abcdef01234567",
    "git_state": "clean",
    "device": "cpu",
    "python": "3.11.7",
    "torch": "2.15.0",
}


def results(
    clients: int = 30, classes: int = 10, opted_out: float = 0.4, methods=METHODS, calibrated=()
) -> Results:
    rng = np.random.default_rng(11)
    out = np.arange(clients) < round(clients * opted_out)
    counts = _class_counts(rng, clients, classes)
    return Results(
        _client_metrics(
            rng, out, [(name, False) for name in methods] + [(name, True) for name in calibrated]
        ),
        _gate_weights(rng, out),
        _frontier(clients),
        _history(rng),
        _clients(out, counts),
        Examples(
            np.zeros((classes, 4)), np.arange(classes), tuple(f"digit {name}" for name in range(classes))
        ),
    )


def _class_counts(rng, clients, classes):
    return np.stack([rng.multinomial(60, rng.dirichlet(np.full(classes, 0.3))) for _ in range(clients)])


def _client_metrics(rng, out, methods):
    rows = []
    base = np.clip(rng.normal(0.80, 0.08, len(out)), 0.4, 0.97)
    for client, opted_out in enumerate(out):
        for method, calibrated in methods:
            local_gain, global_gain = GAIN.get(method, (0.05, -0.1))
            noise = 0.0 if method == "fedavg" else rng.normal(0, 0.08)
            local = np.round(np.clip(base[client] + local_gain + noise, 0, 1) * 40) / 40
            spread = 0.0 if method == "fedavg" else rng.normal(0, 0.03)
            common = np.round(np.clip(0.86 + global_gain + spread, 0, 1) * 360) / 360
            for test_set, n, accuracy in (("local", 40, local), ("global", 360, common)):
                rows.append(
                    {
                        "client_id": client,
                        "opted_out": bool(opted_out),
                        "unseen": False,
                        "method": method,
                        "calibrated": calibrated,
                        "failed": False,
                        "test_set": test_set,
                        "n": n,
                        "accuracy": float(accuracy),
                        "loss": float(-np.log(max(accuracy, 0.05)) + 0.1),
                        "ece": float(abs(rng.normal(0.05, 0.02))),
                    }
                )
    return pd.DataFrame(rows)


def _gate_weights(rng, out):
    centres = {
        ("local", "majority"): 0.72,
        ("local", "minority"): 0.55,
        ("global", "majority"): 0.62,
        ("global", "minority"): 0.31,
    }
    return pd.DataFrame(
        [
            {
                "client_id": client,
                "opted_out": bool(opted_out),
                "test_set": test_set,
                "class_group": group,
                "n": 20,
                "mean_weight": float(np.clip(rng.normal(centre, 0.09), 0, 1)),
                "gain": 0.01,
            }
            for client, opted_out in enumerate(out)
            for (test_set, group), centre in centres.items()
        ]
    )


def _frontier(clients):
    """Two methods whose local accuracy rises with the dial as their global accuracy falls."""
    dials = np.linspace(0.0, 1.0, 5)
    return pd.DataFrame(
        [
            {
                "client_id": client,
                "method": method,
                "calibrated": calibrated,
                "dial": dial,
                "test_set": test_set,
                "accuracy": float(accuracy),
            }
            for client in range(clients)
            for method, calibrated, best in (("constant", False, 0.8), ("constant", True, 0.85))
            for dial in dials
            for test_set, accuracy in (("local", 0.8 + 0.1 * dial), ("global", best - 0.3 * dial**2))
        ]
    )


def _history(rng, rounds=120, every=5):
    number = np.arange(1, rounds + 1)
    train = 2.2 * np.exp(-number / 18) + 0.18 + rng.normal(0, 0.04, rounds)
    loss = 2.2 * np.exp(-number / 20) + 0.38 + 0.0012 * number + rng.normal(0, 0.015, rounds)
    validated = number % every == 0
    return pd.DataFrame(
        {
            "round": number,
            "clients": 5,
            "absent": 0,
            "failed": "",
            "train_loss": train,
            "validation_loss": np.where(validated, loss, np.nan),
            "validation_accuracy": np.where(validated, np.clip(1 - loss / 2.4, 0, 1), np.nan),
            "best": number == number[validated][np.argmin(loss[validated])],
        }
    )


def _clients(out, counts):
    table = pd.DataFrame(
        {
            "client_id": np.arange(len(out)),
            "opted_out": out,
            "unseen": False,
            "evaluated": True,
            "train": 36,
            "validation": 12,
            "local_test": 12,
        }
    )
    for position in range(counts.shape[1]):
        table[f"class_{position}"] = counts[:, position]
    return table
