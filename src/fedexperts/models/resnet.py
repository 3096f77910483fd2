"""Residual networks for small images, with group normalisation.

The layout is the one for CIFAR of He et al., "Deep residual learning for image recognition"
(arXiv:1512.03385, section 4.2): a 3x3 convolution, three stages of 16, 32 and 64 channels of which the last
two halve the sides, and shortcuts without parameters. Group normalisation stands in for batch normalisation,
whose statistics do not survive averaging over clients with different classes (Hsieh et al.,
arXiv:1910.00189).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from fedexperts.models.inputs import InputSpec

STAGES = (16, 32, 64)
GROUPS = 8


def resnet8(inputs: InputSpec, outputs: int) -> nn.Module:
    """One residual block a stage: 7 convolutions and a dense layer; 75,290 parameters for CIFAR-10.

    Args:
        inputs: Images, ``(channels, height, width)``; both sides at least 8 pixels.
        outputs: Values returned for each image, without an activation.

    Raises:
        UserError: If the inputs are no images, or too small.
    """
    channels, _, _ = inputs.image_shape("resnet8", smallest=8)
    return _resnet(channels, blocks=1, outputs=outputs)


def resnet20(inputs: InputSpec, outputs: int) -> nn.Module:
    """Three residual blocks a stage: 19 convolutions and a dense layer; 269,722 parameters for CIFAR-10.

    Args:
        inputs: Images, ``(channels, height, width)``; both sides at least 8 pixels.
        outputs: Values returned for each image, without an activation.

    Raises:
        UserError: If the inputs are no images, or too small.
    """
    channels, _, _ = inputs.image_shape("resnet20", smallest=8)
    return _resnet(channels, blocks=3, outputs=outputs)


def _resnet(channels: int, blocks: int, outputs: int) -> nn.Module:
    layers: list[nn.Module] = [_convolution(channels, STAGES[0]), nn.GroupNorm(GROUPS, STAGES[0]), nn.ReLU()]
    before = STAGES[0]
    for stage in STAGES:
        layers.append(ResidualBlock(before, stage))
        layers.extend(ResidualBlock(stage, stage) for _ in range(blocks - 1))
        before = stage
    return nn.Sequential(*layers, MeanOverPixels(), nn.Linear(before, outputs))


def _convolution(channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False)


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut; where there are more channels behind it, both sides are halved.

    Args:
        channels: The channels that come in.
        out_channels: The channels that go out, no fewer.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.stride = 1 if channels == out_channels else 2
        self.new_channels = out_channels - channels
        self.convolution1 = _convolution(channels, out_channels, self.stride)
        self.norm1 = nn.GroupNorm(GROUPS, out_channels)
        self.convolution2 = _convolution(out_channels, out_channels)
        self.norm2 = nn.GroupNorm(GROUPS, out_channels)

    def forward(self, images: Tensor) -> Tensor:
        """From ``[examples, channels, height, width]`` to ``[examples, out_channels, ...]``."""
        hidden = functional.relu(self.norm1(self.convolution1(images)))
        # Option A of the paper: every other pixel, and zeros for the new channels.
        shortcut = images[..., :: self.stride, :: self.stride]
        shortcut = functional.pad(shortcut, (0, 0, 0, 0, 0, self.new_channels))
        return functional.relu(self.norm2(self.convolution2(hidden)) + shortcut)


class MeanOverPixels(nn.Module):
    """Global average pooling."""

    def forward(self, images: Tensor) -> Tensor:
        """From ``[examples, channels, height, width]`` to ``[examples, channels]``."""
        return images.mean(dim=(-2, -1))
