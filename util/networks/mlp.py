"""The multi-layer perceptron that maps a trunk's output to the embedding."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from util.errors import InvalidInputError


class MLP(nn.Sequential):
    """Linear layers with ReLU between them, float (N, inputs) to (N, widths[-1]), nothing after the last.

    The embedder of stxnext/visual-similarity-search had a ReLU *before* each linear layer, the first one included.
    After a ResNet, whose output has no negative values, that is the same function; after a trunk that has some (a
    ViT, ConvNeXt) it throws half of the trunk's output away. Here the first layer sees all of it.

    Args:
        inputs: length of the trunk's output.
        widths: length of each layer's output; the last is the embedding's.
        batch_norm: whether batch normalisation comes before each ReLU.
        dropout: probability of zeroing a value after each ReLU, in [0, 1).

    Raises:
        InvalidInputError: if there is no layer, a width below 1, or ``dropout`` out of range.

    >>> MLP(inputs=4, widths=(3, 2))
    MLP(
      (0): Linear(in_features=4, out_features=3, bias=True)
      (1): ReLU()
      (2): Linear(in_features=3, out_features=2, bias=True)
    )
    """

    def __init__(
        self, *, inputs: int, widths: Sequence[int] = (1024, 1024, 1024), batch_norm: bool = False, dropout: float = 0.0
    ) -> None:
        if not widths or min(inputs, *widths) < 1 or not 0 <= dropout < 1:
            raise InvalidInputError(
                f"an MLP needs inputs and at least one width, all 1 or more, and a dropout in [0, 1), "
                f"not inputs={inputs}, widths={tuple(widths)}, dropout={dropout}"
            )
        layers: list[nn.Module] = []
        for before, after in pairwise((inputs, *widths[:-1])):
            layers.append(nn.Linear(before, after))
            layers += [nn.BatchNorm1d(after)] * batch_norm
            layers.append(nn.ReLU())
            layers += [nn.Dropout(dropout)] * (dropout > 0)
        super().__init__(*layers, nn.Linear((inputs, *widths)[-2], widths[-1]))
