"""MobileNetV3-Small: for machines without an accelerator."""

from __future__ import annotations

from util.image_extract._torchvision import TorchvisionExtractor


class MobileNetV3Small(TorchvisionExtractor):
    """The mean of each of the 576 maps of MobileNetV3-Small's last layer; ImageNet-1k weights of torchvision.

    Reference: A. Howard et al., "Searching for MobileNetV3", ICCV 2019.
    """

    name = "mobilenet_v3_small"
    dimension = 576
