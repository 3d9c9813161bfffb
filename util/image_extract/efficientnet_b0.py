"""EfficientNet-B0: accurate for the little work it does."""

from __future__ import annotations

from util.image_extract._torchvision import TorchvisionExtractor


class EfficientNetB0(TorchvisionExtractor):
    """The mean of each of the 1280 maps of EfficientNet-B0's last layer; ImageNet-1k weights of torchvision.

    The mean and not the maximum, because it is what the network was trained to be read by, and because its
    activation (SiLU) is negative for much of its input: the maximum would keep only part of what a map says.

    Reference: M. Tan, Q. Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019.
    """

    name = "efficientnet_b0"
    dimension = 1280
