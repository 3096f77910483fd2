"""How the models of a cohort become one."""

from __future__ import annotations

import pytest
import torch

from fedexperts.errors import UserError
from fedexperts.federation.aggregation import weighted_average
from fedexperts.federation.rules import RULES
from fedexperts.registry import resolve


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_by_hand(dtype):
    models = torch.tensor([[1.0, 10.0], [5.0, -2.0], [0.0, 4.0]], dtype=dtype)
    average = weighted_average(models, torch.tensor([1, 3, 4]))
    assert average.dtype == dtype
    assert average.tolist() == [2.0, 2.5]


def test_shares_are_as_exact_as_the_models():
    models = torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    assert float(weighted_average(models, torch.tensor([1, 2]))) == 1 / 3


def test_one_client_is_its_own_average_and_equal_models_stay():
    model = torch.randn(1, 5)
    assert torch.equal(weighted_average(model, torch.tensor([7])), model[0])
    torch.testing.assert_close(weighted_average(model.expand(3, -1), torch.tensor([1, 9, 4])), model[0])


def test_rules_are_found_by_name_or_import_path():
    assert resolve("aggregation rule", "fedavg", RULES) is weighted_average
    path = "fedexperts.federation.aggregation:weighted_average"
    assert resolve("aggregation rule", path, RULES) is weighted_average
    with pytest.raises(UserError, match=r"aggregation rule 'fedavgg'.*Did you mean 'fedavg'"):
        resolve("aggregation rule", "fedavgg", RULES)
