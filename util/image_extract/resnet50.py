"""ResNet-50: the usual backbone of retrieval."""

from __future__ import annotations

from util.image_extract._torchvision import TorchvisionExtractor


class ResNet50(TorchvisionExtractor):
    """The mean of each of the 2048 maps of ResNet-50's last stage; ImageNet-1k weights (V1) of torchvision.

    V1 although V2 classifies better: V2 was trained with label smoothing and mixed images, which make features
    worse for anything but the classes trained on (S. Kornblith, T. Chen, H. Lee, M. Norouzi, "Why do better loss
    functions lead to less transferable features?", NeurIPS 2021).

    Reference: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016.
    """

    name = "resnet50"
    dimension = 2048
