"""Where the computing is done."""

from __future__ import annotations

import multiprocessing
import sys
from functools import reduce

import pytest
import torch
from conftest import PATIENCE

from fedexperts.errors import UserError
from fedexperts.training.device import reproducibly, resolve_device

THERE = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}


def test_auto_is_the_gpu_if_there_is_one():
    assert resolve_device("auto").type == ("cuda" if THERE["cuda"] else "cpu")


@pytest.mark.parametrize("name", THERE)
def test_a_device_is_there_or_the_message_says_which_are(name):
    if THERE[name]:
        assert resolve_device(name).type == name
    else:
        with pytest.raises(UserError, match=rf"'{name}'.*it has: .*cpu"):
            resolve_device(name)


def test_one_thread_is_given_back_even_after_an_error():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError), reproducibly():  # noqa: PT012 - the state inside is what counts
            assert torch.get_num_threads() == 1
            raise ZeroDivisionError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def old_flags():
    return torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32


def new_flags():
    of = torch.backends
    operations = (of.cuda.matmul, of.mkldnn.matmul, of.cudnn.conv, of.cudnn.rnn, of.mkldnn.conv)
    return tuple(operation.fp32_precision for operation in operations)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a process of its own, since flags do not reset")
@pytest.mark.parametrize(
    ("flag", "value", "read"),
    [
        ("cudnn.allow_tf32", True, old_flags),
        ("cudnn.allow_tf32", False, old_flags),
        ("cuda.matmul.allow_tf32", True, old_flags),
        ("fp32_precision", "tf32", new_flags),
        ("cuda.matmul.fp32_precision", "tf32", new_flags),
        ("cudnn.conv.fp32_precision", "ieee", new_flags),
        ("mkldnn.matmul.fp32_precision", "bf16", new_flags),
    ],
)
def test_precision_is_full_whatever_is_set_and_what_was_set_is_given_back(flag, value, read):
    *path, name = flag.split(".")
    holder = reduce(lambda found, part: getattr(found, part, None), path, torch.backends)
    if not hasattr(holder, name):
        pytest.skip("this torch has the old flags alone")

    def check():
        setattr(holder, name, value)
        before = read()
        with reproducibly():
            assert torch.backends.cudnn.deterministic
            assert old_flags() == ("highest", False)
            if read is new_flags:
                assert set(new_flags()) == {"ieee"}
        assert read() == before
        assert not torch.backends.cudnn.deterministic

    process = multiprocessing.get_context("fork").Process(target=check)
    process.start()
    process.join(PATIENCE)
    assert process.exitcode == 0
