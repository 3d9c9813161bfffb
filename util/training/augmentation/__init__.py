"""Augmentation for nearly identical items: other light, other camera, other place, the same item.

    from util.training.augmentation import AugmentationConfig, Augmenter

    augment = Augmenter(AugmentationConfig.at_level("standard"), size=(128, 128))
    view = augment(image, seed=7)  # uint8 128×128×3; the same for this image and seed, always

What tells two items apart must survive: hue is hardly touched, a view always shows a stated share of the image, and
nothing is mirrored unless asked, because mirrored print is another item. ``config`` holds the strengths, ``views``
moves and cuts in one resampling, ``backgrounds`` puts cut-outs elsewhere, ``photography`` changes light and camera by
albumentations, and ``augmenter`` runs them one after the other.
"""

from util.training.augmentation.augmenter import Augmenter
from util.training.augmentation.config import LEVELS, AugmentationConfig

__all__ = ["LEVELS", "AugmentationConfig", "Augmenter"]
