"""ViT-B/16: a transformer on patches of 16×16 pixels."""

from __future__ import annotations

from util.image_extract._torchvision import TorchvisionExtractor


class ViTB16(TorchvisionExtractor):
    """The class token of ViT-B/16 after its last layer norm; ImageNet-1k weights of torchvision; 224×224 only.

    Reference: A. Dosovitskiy et al., "An image is worth 16x16 words: transformers for image recognition at scale",
    ICLR 2021.
    """

    name = "vit_b_16"
    dimension = 768
    batch_size = 16
