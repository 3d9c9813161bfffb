"""The layer that sees the pixels: how many channels it takes, and how weights for three become weights for nine."""

from __future__ import annotations

import torch
from torch import nn

from util.errors import InvalidInputError
from util.networks.states import State

NINE = "RGB, then RGB with its under-exposure corrected, then RGB with its over-exposure corrected"
"""What the nine channels are; the recipe's last step ``channels=exposure`` makes them."""


def require_channels(images: torch.Tensor, channels: int) -> None:
    """Refuses a batch that the first convolution cannot take.

    Args:
        images: should be (N, channels, H, W).
        channels: how many the network takes.

    Raises:
        InvalidInputError: if it is of another shape; says what nine channels are where nine are wanted.
    """
    if images.ndim == 4 and images.shape[1] == channels:
        return
    wanted = f"(N, {channels}, H, W)" + (f", the nine channels being {NINE}" if channels == 9 else "")
    mend = "end the recipe in channels=exposure" if channels == 9 else "leave channels= out of the recipe"
    raise InvalidInputError(f"the network takes images {wanted}; given was a shape of {tuple(images.shape)}: {mend}")


def widened(weight: torch.Tensor, channels: int = 9) -> torch.Tensor:
    """The weights of a first convolution for several images in place of one.

    Every image gets the weights of the one, divided by how many there are: where all are the same picture, the
    output is what it was.

    Args:
        weight: (maps, C, h, w), C most often 3.
        channels: how many it shall take, a multiple of C.

    Returns:
        (maps, channels, h, w)

    Raises:
        InvalidInputError: if that is no multiple.

    >>> widened(torch.ones(1, 3, 1, 1), 9).flatten().tolist()
    [0.333..., 0.333..., 0.333..., 0.333..., 0.333..., 0.333..., 0.333..., 0.333..., 0.333...]
    """
    images, rest = divmod(channels, weight.shape[1])
    if rest or not images:
        raise InvalidInputError(
            f"weights for {weight.shape[1]} channels can be widened to a multiple of that, not to {channels}"
        )
    return weight.repeat(1, images, 1, 1) / images


def widen_first_convolution(network: nn.Module, channels: int = 9) -> nn.Conv2d:
    """Lets a network take more channels, starting from the weights it has.

    Args:
        network: its first convolution is changed in place, see ``widened``.
        channels: how many it shall take.

    Returns:
        That convolution.

    Raises:
        InvalidInputError: if it has no convolution, or one whose channels do not divide these.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == 1:
            module.weight = nn.Parameter(widened(module.weight.detach(), channels))
            module.in_channels = channels
            return module
    raise InvalidInputError(f"a {type(network).__name__} holds no convolution that could be widened")


def widen_state(state: State, wanted: State) -> dict[str, torch.Tensor]:
    """Weights for three channels made to fit a network of nine, such as torchvision's for a nine-channel AlexNet.

    Args:
        state: weights by name.
        wanted: the network's own ``state_dict()``.

    Returns:
        All of ``state``; what differs from ``wanted`` only in having three input channels instead of nine is
        ``widened``.
    """
    return {
        name: widened(weight, wanted[name].shape[1]) if _is_narrower(weight, wanted.get(name)) else weight
        for name, weight in state.items()
    }


def _is_narrower(weight: torch.Tensor, wanted: torch.Tensor | None) -> bool:
    if wanted is None or weight.ndim != 4 or wanted.ndim != 4:
        return False
    same_but_channels = weight.shape[0] == wanted.shape[0] and weight.shape[2:] == wanted.shape[2:]
    return same_but_channels and weight.shape[1] == 3 and wanted.shape[1] == 9
