"""Embeddings of an image at several scales, and mirrored, averaged into one."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from util.errors import InvalidInputError

SCALES = (1.0, 2**-0.5, 2**0.5)


class MultiScale(nn.Module):
    """A network's embeddings over several scales, float (N, 3, H, W) to (N, D) of unit length; for inference.

    Each view is rescaled bilinearly and its embedding brought to unit length; then the views' power mean is taken and
    brought to unit length. Powers keep the sign, so that embeddings with negative values have a power mean as well.

    Source: Radenović, Tolias and Chum, "Fine-tuning CNN image retrieval with no human annotation", TPAMI 2018,
    section 5.2, arXiv:1711.02512: power 1 after whitening; GeM's own p for its bare output.

    Args:
        network: float (N, 3, h, w) of any size from ``smallest`` on to (N, D).
        scales: by which height and width are multiplied.
        power: of the mean, above 0; 1 is the plain mean.
        flip: whether every view is also taken of the mirrored image. Not where mirrored print is another item.
        smallest: least height and width the network takes (``Trunk.smallest``).

    Raises:
        InvalidInputError: if there are no scales, or one or the power is not above 0.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        scales: tuple[float, ...] = SCALES,
        power: float = 1.0,
        flip: bool = False,
        smallest: int = 1,
    ) -> None:
        super().__init__()
        if not scales or not all(number > 0 for number in (*scales, power)):
            raise InvalidInputError(f"scales and power are to be above 0, not scales={scales} and power={power}")
        self.network = network
        self.scales, self.power, self.flip, self.smallest = scales, power, flip, smallest

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to (N, D), at least float32 and of unit length.

        Raises:
            InvalidInputError: if the images become too small for the network at the least scale.
        """
        self._require_size(images)
        views = [view for scale in self.scales for view in self._views(_rescaled(images, scale))]
        embeddings = torch.stack([functional.normalize(_wide(self.network(view)), dim=1) for view in views])
        mean = _signed_power(_signed_power(embeddings, self.power).mean(dim=0), 1 / self.power)
        return functional.normalize(mean, dim=1)

    def _views(self, images: torch.Tensor) -> list[torch.Tensor]:
        return [images, images.flip(3)] if self.flip else [images]

    def _require_size(self, images: torch.Tensor) -> None:
        least, side = min(self.scales), min(images.shape[2:])
        if int(side * least) < self.smallest:
            raise InvalidInputError(
                f"images of {images.shape[2]}×{images.shape[3]} pixels have {int(side * least)} on a side at scale "
                f"{least:.4g}, the network takes {self.smallest} or more: give larger images or leave that scale out"
            )


def _rescaled(images: torch.Tensor, scale: float) -> torch.Tensor:
    if scale == 1:
        return images
    # Recomputed from the whole numbers of pixels: otherwise part of a pixel is lost on the right and at the bottom.
    return functional.interpolate(
        images, scale_factor=scale, mode="bilinear", align_corners=False, recompute_scale_factor=True
    )


def _wide(embeddings: torch.Tensor) -> torch.Tensor:
    return embeddings if embeddings.dtype == torch.float64 else embeddings.float()


def _signed_power(values: torch.Tensor, power: float) -> torch.Tensor:
    return values.abs().pow(power).copysign(values)
