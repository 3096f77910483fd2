import pytest
import torch
from torch.func import functional_call

from fedexperts.errors import UserError
from fedexperts.models.architecture import initial_parameters
from fedexperts.models.inputs import InputSpec
from fedexperts.models.resnet import ResidualBlock, resnet8, resnet20
from fedexperts.training.stacked import StackedModule

CIFAR = InputSpec((3, 32, 32))


@pytest.mark.parametrize(("build", "parameters"), [(resnet8, 75_290), (resnet20, 269_722)])
def test_has_the_number_of_parameters_that_its_description_says(build, parameters):
    module = build(CIFAR, 10)
    assert sum(weight.numel() for weight in module.parameters()) == parameters
    assert f"{parameters:,}" in build.__doc__
    assert not list(module.buffers())


@pytest.mark.parametrize("build", [resnet8, resnet20])
@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (1, 8, 8), (3, 33, 17)])
def test_takes_images_of_any_size_from_eight_pixels(build, shape):
    assert build(InputSpec(shape), 7)(torch.zeros(2, *shape)).shape == (2, 7)


def test_an_image_is_treated_by_itself():
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    module = resnet8(InputSpec((3, 16, 16)), 10).double()
    alone = torch.cat([module(image[None]) for image in images])
    torch.testing.assert_close(module(images), alone, rtol=0, atol=1e-12)


def test_a_block_without_convolutions_is_its_shortcut():
    block = ResidualBlock(8, 16)
    torch.nn.init.zeros_(block.norm2.weight)
    images = torch.rand(2, 8, 6, 6, generator=torch.Generator().manual_seed(0))
    output = block(images)
    assert torch.equal(output[:, :8], images[..., ::2, ::2])
    assert not output[:, 8:].any()


def test_stacked_models_give_what_each_gives_alone():
    inputs = InputSpec((3, 8, 8))
    drawn = [initial_parameters(lambda: resnet8(inputs, 5), 0, "test", model) for model in range(3)]
    drawn = [{name: value.double() for name, value in weights.items()} for weights in drawn]
    module = resnet8(inputs, 5).double()
    stacked = StackedModule(module)
    rows = stacked.rows({name: torch.stack([own[name] for own in drawn]) for name in drawn[0]})
    rows.requires_grad_()
    images = torch.rand(3, 4, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    outputs = stacked(rows, (images,))
    (gradient,) = torch.autograd.grad(outputs.square().sum(), rows)
    by_name = stacked.parameters(gradient)
    for position, weights in enumerate(drawn):
        own = {name: value.clone().requires_grad_() for name, value in weights.items()}
        alone = functional_call(module, own, (images[position],))
        torch.testing.assert_close(outputs[position], alone, rtol=0, atol=1e-12)
        gradients = torch.autograd.grad(alone.square().sum(), list(own.values()))
        for name, expected in zip(own, gradients, strict=True):
            torch.testing.assert_close(by_name[name][position], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("inputs", [InputSpec((3, 7, 32)), InputSpec((64,)), InputSpec((64,), vocabulary=10)])
def test_refuses_what_is_no_image_of_eight_pixels(inputs):
    with pytest.raises(UserError, match=r"needs images .* at least 8 pixels"):
        resnet8(inputs, 10)
