"""The architectures that can be chosen by name.

Each name leads to a function or class that is called with ``(inputs, outputs)``: what comes in, as an
:class:`fedexperts.models.inputs.InputSpec`, and the number of values to return for each example. Your own
``nn.Module`` with that constructor can be named by its import path, ``"package.module:Name"``.
"""

from __future__ import annotations

MODELS: dict[str, str] = {
    "lenet": "fedexperts.models.cnn:lenet",
    "small_cnn": "fedexperts.models.cnn:small_cnn",
    "resnet8": "fedexperts.models.resnet:resnet8",
    "resnet20": "fedexperts.models.resnet:resnet20",
    "mlp": "fedexperts.models.dense:mlp",
    "logistic_regression": "fedexperts.models.dense:logistic_regression",
    "bilstm": "fedexperts.models.text:bilstm",
    "bag_of_embeddings": "fedexperts.models.text:bag_of_embeddings",
}
