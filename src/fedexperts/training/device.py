"""Where the computing is done."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from fedexperts.errors import UserError
from fedexperts.provenance.code import processor_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    Flag: TypeAlias = tuple[Callable[[], Any], Callable[[Any], object], Any]


def resolve_device(name: str) -> torch.device:
    """Turn the setting ``device`` into a device.

    Args:
        name: ``"cpu"``, ``"cuda"``, ``"mps"``, or ``"auto"`` for a CUDA GPU if there is one, else the CPU.

    Raises:
        UserError: If the device that was asked for is not there.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device("cuda" if available["cuda"] else "cpu")
    if not available.get(name, False):
        found = ", ".join(device for device, there in available.items() if there)
        raise UserError(f"device is {name!r}, which this machine does not have; it has: {found}")
    return torch.device(name)


def name_device(device: torch.device) -> str:
    """Name a device for a reader: ``cpu``, ``mps`` or, with its model, ``cuda (NVIDIA H200)``."""
    model = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    return f"{device}{model}"


def describe_processor(device: torch.device) -> str:
    """Name the kind of processor; on another one, the same computation may give other last digits."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{processor_model()}, {torch.backends.cpu.get_cpu_capability()}"


@contextmanager
def reproducibly() -> Iterator[None]:
    """Compute so that the same run gives the same bits again, for a while, whatever is set otherwise.

    On the CPU that takes the same number of threads, and one is best: the matrices of a client are too small
    to share out. On a GPU it takes deterministic convolutions. Everything is computed in full precision.
    """
    flags, before = _flags(), []
    for read, write, _ in flags:
        # What was set in the new way cannot always be read in the old one.
        with suppress(RuntimeError):
            before.append((write, read()))
    try:
        for _, write, value in flags:
            write(value)
        yield
    finally:
        for write, value in before:
            write(value)


def _flags() -> list[Flag]:
    """What is read, how it is set, and to what; in an order in which nothing undoes what was set before."""
    backends: Any = torch.backends
    cudnn, mkldnn, cublas = backends.cudnn, backends.mkldnn, backends.cuda.matmul
    flags: list[Flag] = [
        (torch.get_num_threads, torch.set_num_threads, 1),
        *_attributes(cudnn, enabled=True, deterministic=True, benchmark=False),
        (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"),
        *_attributes(cudnn, allow_tf32=False),
    ]
    if hasattr(cublas, "fp32_precision"):  # from torch 2.9 on; the old way does not reach all of it
        for operation in (cublas, cudnn.conv, cudnn.rnn, mkldnn.matmul, mkldnn.conv, mkldnn.rnn):
            flags += _attributes(operation, fp32_precision="ieee")
    return flags


def _attributes(holder: object, **values: object) -> list[Flag]:
    return [
        (partial(getattr, holder, name), partial(setattr, holder, name), value)
        for name, value in values.items()
    ]
