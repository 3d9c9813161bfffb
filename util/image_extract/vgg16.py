"""VGG-16: slow, but its last maps are fine-grained."""

from __future__ import annotations

from util.image_extract._torchvision import TorchvisionExtractor


class VGG16(TorchvisionExtractor):
    """The maximum of each of the 512 maps of VGG-16's last pooling layer; ImageNet-1k weights of torchvision.

    Reference: K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR
    2015.
    """

    name = "vgg16"
    dimension = 512
    batch_size = 16
