"""The architectures that can be chosen by name.

Each name leads to a function or class that is called with ``(input_shape, outputs)``: the shape of one example
without the batch axis, and the number of values to return for it. Your own ``nn.Module`` with that
constructor can be named by its import path, ``"package.module:Name"``.
"""

from __future__ import annotations

MODELS: dict[str, str] = {
    "lenet": "fedexperts.models.cnn:lenet",
    "small_cnn": "fedexperts.models.cnn:small_cnn",
    "mlp": "fedexperts.models.dense:mlp",
    "logistic_regression": "fedexperts.models.dense:logistic_regression",
}
