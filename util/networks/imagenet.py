"""ImageNet's mean and standard deviation: what networks here and elsewhere are normalised by. Needs no torch."""

from __future__ import annotations

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of red, green and blue over ImageNet, on the scale from 0 to 1."""
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Standard deviation of red, green and blue over ImageNet, on the scale from 0 to 1."""


def channel_statistics(
    channels: int, *, last_image_unscaled: bool = False
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel: ImageNet's, for every image that the channels hold.

    Args:
        channels: 3, or 9 for three images.
        last_image_unscaled: leaves the last image on the scale from 0 to 255, as the system did whose transposed and
            inverted channels are repeated by the recipe step ``channels=transposed``.

    >>> channel_statistics(3)
    ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    """
    images = channels // 3
    mean, std = IMAGENET_MEAN * images, IMAGENET_STD * images
    if not last_image_unscaled:
        return mean, std
    return mean[:-3] + tuple(one / 255 for one in mean[-3:]), std[:-3] + tuple(one / 255 for one in std[-3:])
