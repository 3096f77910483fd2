"""The digits come with scikit-learn."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from kedro.io import DatasetError

from fedexperts.datasets.digits import DigitsDataset
from fedexperts.datasets.errors import DataError


def test_digits():
    examples = DigitsDataset().load()
    assert examples.features.shape == (1797, 1, 8, 8)
    assert examples.features.dtype == np.uint8
    assert examples.features.max() == 16
    assert examples.class_names == tuple("0123456789")
    assert DigitsDataset().exists()


def test_a_path_is_refused():
    with pytest.raises(DataError, match=r"data\.path is /somewhere.*--env"):
        DigitsDataset(path="/somewhere").load()


def test_raw_data_is_never_written():
    with pytest.raises(DatasetError, match="read only"):
        DigitsDataset().save("anything")


def test_naming_a_source_imports_nothing_heavy():
    modules = "digits, images, safetensors, text_table, torchvision"
    heavy = "{'torch', 'torchvision', 'sklearn', 'PIL', 'pyarrow'}"
    code = f"import sys; from fedexperts.datasets import {modules}; print({heavy} & sys.modules.keys())"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
