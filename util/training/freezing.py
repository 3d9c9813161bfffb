"""Trunks that stay as they are, and come to learn block by block, from the last."""

from __future__ import annotations

from torch import nn

from util.errors import InvalidInputError


def trunk_of(network: nn.Module) -> nn.Module:
    """The part of a network that can be frozen, apart from its head.

    Raises:
        InvalidInputError: if the network knows no such part.
    """
    for part in (network, getattr(network, "branch", None)):
        for name in ("trunk", "features"):
            found = getattr(part, name, None)
            if isinstance(found, nn.Module):
                return found
    raise InvalidInputError(f"{type(network).__name__} has no trunk that could be frozen: leave freeze out")


def blocks_of(trunk: nn.Module) -> list[nn.Module]:
    """A trunk's blocks that have parameters, first to last; sequences are taken apart.

    >>> trunk = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)))
    >>> [type(block).__name__ for block in blocks_of(trunk)]
    ['Conv2d', 'Linear', 'Linear']
    """
    blocks: list[nn.Module] = []
    for child in trunk.children():
        if isinstance(child, nn.Sequential | nn.ModuleList):
            blocks += blocks_of(child)
        elif any(True for _ in child.parameters()):
            blocks.append(child)
    return blocks


def freeze(trunk: nn.Module, *, learning_blocks: int) -> None:
    """Keeps a trunk from learning but for its last blocks; frozen norms keep their statistics too.

    Args:
        trunk: what is frozen.
        learning_blocks: how many of its last blocks learn.
    """
    trunk.requires_grad_(False)
    trunk.eval()
    blocks = blocks_of(trunk)
    for block in blocks[max(0, len(blocks) - learning_blocks) :] if learning_blocks else []:
        block.requires_grad_(True)
        block.train()
