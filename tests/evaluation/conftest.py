import runpy
from pathlib import Path

import pytest

SYNTHETIC = runpy.run_path(str(Path(__file__).with_name("synthetic.py")))


@pytest.fixture(scope="session")
def make_results():
    return SYNTHETIC["results"]


@pytest.fixture(scope="session")
def results():
    return SYNTHETIC["results"]()


@pytest.fixture(scope="session")
def environment():
    return dict(SYNTHETIC["ENVIRONMENT"])
