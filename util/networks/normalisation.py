"""From pixels to what a network takes: one function for training and for extraction."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def normalised(pixels: torch.Tensor, mean: Sequence[float], std: Sequence[float]) -> torch.Tensor:
    """Pixels as a network takes them: ``(pixel / 255 - mean) / std``, channel by channel.

    Args:
        pixels: uint8 (N, H, W, C), on the device where the network is.
        mean: C numbers on the scale from 0 to 1.
        std: C numbers on the scale from 0 to 1.

    Returns:
        float32 (N, C, H, W); in memory the channels stay last, as convolutions like them best.

    >>> normalised(torch.tensor([[[[255, 0, 51]]]], dtype=torch.uint8), (0.5,) * 3, (0.5,) * 3).flatten().tolist()
    [1.0, -1.0, -0.6...]
    """
    floats = pixels.permute(0, 3, 1, 2).float()
    centre, spread = (floats.new_tensor(values).mul_(255).reshape(1, -1, 1, 1) for values in (mean, std))
    return floats.sub_(centre).div_(spread)
