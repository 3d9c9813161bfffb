"""AlexNet: small and fast, a first network to try."""

from __future__ import annotations

from util.image_extract._torchvision import TorchvisionExtractor


class AlexNet(TorchvisionExtractor):
    """The maximum of each of the 256 maps of AlexNet's last convolutional layer; ImageNet-1k weights of torchvision.

    The maximum says whether a pattern is there at all, wherever it is, so a small mark is not averaged away
    (G. Tolias, R. Sicre, H. Jégou, "Particular object retrieval with integral max-pooling of CNN activations", ICLR
    2016, call this MAC).

    Reference: A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv:1404.5997.
    """

    name = "alexnet"
    dimension = 256
