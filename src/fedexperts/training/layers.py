"""How one module is computed for many clients at once: fast for common layers, generally for any other.

The fast path keeps images as ``[batch, clients * channels, height, width]`` with the channels last in memory:
a convolution of all clients is then one grouped convolution, and pooling and activations run over all
clients' channels as if they were one image's. Dense layers are one batched matrix product. Everything else
goes through ``torch.func.vmap``, somewhat slower, or one client at a time where that does not know a layer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional

from fedexperts.models.mixture import GATE, SPECIALIST, Mixture, below, mix
from fedexperts.training.dropout import ClientDropout

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

Parameters = dict[str, Tensor]
Forward = Callable[["Mapping[str, Tensor]", tuple[Tensor, ...]], Tensor]
Named = list[tuple[str, nn.Module]]

ELEMENTWISE = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.LeakyReLU, nn.ELU, nn.Identity)
POOLING = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
IMAGE_BATCH_DIMENSIONS = 5  # clients, batch, channels, height, width


def stack(module: nn.Module) -> Forward:
    """Turn a module into a function of many clients' parameters and batches.

    Args:
        module: The architecture; its own weights are not used.

    Returns:
        A function of the parameters by name, ``[clients, *shape]``, among them the seeds of dropout layers or
        not, and the inputs, each ``[clients, batch, ...]``; it returns ``[clients, batch, ...]``.
    """
    if isinstance(module, Mixture):
        return _mixture(stack(module.specialist), stack(module.gate))
    if is_fast(module):
        return _chain(list(module.named_children()), _general(module))
    return _general(module)


def is_fast(module: nn.Module) -> bool:
    """Whether a module is a chain that the fast path knows: image layers, ``Flatten``, dense layers.

    A mixture is if its specialist and its gate are.
    """
    if isinstance(module, Mixture):
        return is_fast(module.specialist) and is_fast(module.gate)
    if type(module) is not nn.Sequential or _shares_anything(module):
        return False
    on_images, on_rows = _around_flatten(list(module.named_children()))
    return all(_is_image_layer(layer) for _, layer in on_images) and all(
        type(layer) in {nn.Linear, ClientDropout, *ELEMENTWISE} for _, layer in on_rows
    )


def _shares_anything(chain: nn.Sequential) -> bool:
    """Whether a layer or a weight stands in more than one place: it then has one name for several."""
    weights = list(chain.parameters()), list(chain.named_parameters(remove_duplicate=False))
    return len(set(chain)) < len(chain) or len(weights[0]) < len(weights[1])


def _is_image_layer(layer: nn.Module) -> bool:
    # A subclass may compute something else: only the very types count.
    if type(layer) is nn.Conv2d:
        return layer.groups == 1 and layer.padding_mode == "zeros"
    return type(layer) in {nn.GroupNorm, ClientDropout, *ELEMENTWISE, *POOLING}


def _around_flatten(layers: Named) -> tuple[Named, Named]:
    """Part a chain into what comes before its first ``Flatten`` and what comes behind."""
    for place, (_, layer) in enumerate(layers):
        if type(layer) is nn.Flatten and (layer.start_dim, layer.end_dim) == (1, -1):
            return layers[:place], layers[place + 1 :]
    return [], layers


def _pooled_first(layers: Named) -> Named:
    """Take maxima before ``ReLU`` rather than behind: the same, gradients included, on fewer values."""
    ordered = list(layers)
    for place, ((_, before), (_, after)) in enumerate(pairwise(layers)):
        if type(before) is nn.ReLU and type(after) is nn.MaxPool2d:
            ordered[place], ordered[place + 1] = layers[place + 1], layers[place]
    return ordered


def _general(module: nn.Module) -> Forward:
    def one(parameters: Mapping[str, Tensor], inputs: tuple[Tensor, ...]) -> Tensor:
        outputs: Tensor = functional_call(module, dict(parameters), inputs)
        return outputs

    together = vmap(one)

    def one_by_one(parameters: Mapping[str, Tensor], inputs: tuple[Tensor, ...]) -> Tensor:
        clients = range(len(inputs[0]))
        own = ({name: value[client] for name, value in parameters.items()} for client in clients)
        batches = (tuple(part[client] for part in inputs) for client in clients)
        return torch.stack([one(*client) for client in zip(own, batches, strict=True)])

    can_be_together = True

    def forward(parameters: Mapping[str, Tensor], inputs: tuple[Tensor, ...]) -> Tensor:
        nonlocal can_be_together
        if can_be_together:
            try:
                return together(parameters, inputs)
            except RuntimeError as error:
                # Some layers of torch, its recurrent ones among them, know one client at a time alone.
                if "batching rule" not in str(error).lower():
                    raise
                can_be_together = False
                logger.info("%s is computed one client at a time: %s", type(module).__name__, error)
        return one_by_one(parameters, inputs)

    return forward


def _mixture(specialist: Forward, gate: Forward) -> Forward:
    def forward(parameters: Mapping[str, Tensor], inputs: tuple[Tensor, ...]) -> Tensor:
        features, generalist_log_probs = inputs
        logits = specialist(below(SPECIALIST, parameters), (features,))
        gate_logits = gate(below(GATE, parameters), (features,))
        return mix(functional.log_softmax(logits, dim=-1), generalist_log_probs, gate_logits)

    return forward


def _chain(layers: Named, general: Forward) -> Forward:
    on_images, on_rows = _around_flatten(layers)
    on_images = _pooled_first(on_images)

    def forward(parameters: Mapping[str, Tensor], inputs: tuple[Tensor, ...]) -> Tensor:
        (values,) = inputs
        clients = len(values)
        if on_images and values.dim() != IMAGE_BATCH_DIMENSIONS:
            return general(parameters, inputs)  # activations, say, can stand in front of anything
        if on_images:
            images = _to_images(values)
            for name, layer in on_images:
                images = _on_images(layer, below(f"{name}.", parameters), images, clients)
            values = images.reshape(len(images), clients, -1, *images.shape[2:]).swapaxes(0, 1)
        if len(on_rows) < len(layers):
            values = values.flatten(start_dim=2)
        for name, layer in on_rows:
            values = _on_rows(layer, below(f"{name}.", parameters), values)
        return values

    return forward


def _to_images(values: Tensor) -> Tensor:
    """Lay out ``[clients, batch, channels, ...]`` as ``[batch, clients * channels, ...]``, channels last."""
    images = values.permute(1, 3, 4, 0, 2).flatten(start_dim=3).permute(0, 3, 1, 2)
    return images.contiguous(memory_format=torch.channels_last)  # of images in grey, flattening made a view


def _on_images(layer: nn.Module, own: Parameters, images: Tensor, clients: int) -> Tensor:
    weight = own["weight"].flatten(end_dim=1) if "weight" in own else None
    bias = own["bias"].flatten() if "bias" in own else None
    if isinstance(layer, nn.Conv2d) and weight is not None:
        if images.is_cuda and clients > 1 and not isinstance(layer.padding, str):
            return convolve_by_products(layer, own, images, clients)
        weight = weight.contiguous(memory_format=torch.channels_last)
        padding = layer.padding if isinstance(layer.padding, str) else list(layer.padding)
        return functional.conv2d(images, weight, bias, layer.stride, padding, layer.dilation, clients)
    if isinstance(layer, nn.GroupNorm):
        weight = None if weight is None else weight.flatten()
        return functional.group_norm(images, clients * layer.num_groups, weight, bias, layer.eps)
    if isinstance(layer, ClientDropout) and "seed" in own:
        of_one = torch.Size([len(images), images.shape[1] // clients, *images.shape[2:]])
        return images * _to_images(layer.factors(own["seed"], of_one, images.dtype))
    values: Tensor = layer(images)
    return values


def convolve_by_products(layer: nn.Conv2d, own: Parameters, images: Tensor, clients: int) -> Tensor:
    """Convolve as one batched matrix product, since grouped convolutions train slowly on a GPU.

    Args:
        layer: The convolution, with padding in numbers.
        own: Its parameters, ``[clients, *shape]``.
        images: ``[batch, clients * channels, height, width]``.
        clients: How many.

    Returns:
        ``[batch, clients * channels of the output, height, width]``.
    """
    down, right = (int(side) for side in layer.padding)
    high, wide = layer.kernel_size
    padded = functional.pad(images, (right, right, down, down))
    patches = padded.reshape(len(images), clients, -1, *padded.shape[2:])
    sizes = zip((3, 4), layer.kernel_size, layer.stride, layer.dilation, strict=True)
    for axis, size, stride, dilation in sizes:
        patches = patches.unfold(axis, dilation * (size - 1) + 1, stride)[..., ::dilation]
    batch, _, channels, height, width, _, _ = patches.shape
    rows = patches.permute(1, 0, 3, 4, 2, 5, 6).reshape(clients, -1, channels * high * wide)
    weight = own["weight"].flatten(start_dim=2).swapaxes(1, 2)
    products = torch.baddbmm(own["bias"][:, None], rows, weight) if "bias" in own else torch.bmm(rows, weight)
    return products.reshape(clients, batch, height, width, -1).permute(1, 0, 4, 2, 3).flatten(1, 2)


def _on_rows(layer: nn.Module, own: Parameters, values: Tensor) -> Tensor:
    if isinstance(layer, ClientDropout) and "seed" in own:
        return values * layer.factors(own["seed"], values.shape[1:], values.dtype)
    if not isinstance(layer, nn.Linear):
        outputs: Tensor = layer(values)
        return outputs
    # The weights first: their gradients then come out as they lie in memory, and need not be turned.
    weight, columns = own["weight"], values.flatten(start_dim=1, end_dim=-2).swapaxes(1, 2)
    products = (
        torch.baddbmm(own["bias"][:, :, None], weight, columns)
        if "bias" in own
        else torch.bmm(weight, columns)
    )
    return products.swapaxes(1, 2).reshape(*values.shape[:-1], -1)
