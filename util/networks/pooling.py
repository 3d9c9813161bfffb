"""Global pooling: the map of a convolutional network, float (N, C, H, W), to one vector an image, (N, C).

Every layer computes and returns at least float32, also under autocast: powers and sums of bfloat16 lose the small
differences that tell near-identical items apart. None of them scales its output to unit length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.nn import functional

from util.errors import InvalidInputError


def _wide(features: torch.Tensor) -> torch.Tensor:
    """The map in float32 (float64 stays), once it is known to be one.

    Raises:
        InvalidInputError: if it is not (N, C, H, W) with at least one position.
    """
    if features.ndim != 4 or 0 in features.shape[2:]:
        raise InvalidInputError(
            f"pooling takes a map (N, C, H, W), H and W of at least 1, not a tensor of shape {tuple(features.shape)}"
        )
    return features if features.dtype == torch.float64 else features.float()


class MAC(nn.Module):
    """Maximum of each channel, (N, C, H, W) to (N, C): maximum activations of convolutions.

    Source: Razavian et al., "Visual instance retrieval with deep convolutional networks", 2016, arXiv:1412.6574.
    """

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C)."""
        return _wide(features).amax(dim=(2, 3))


class SPoC(nn.Module):
    """Mean of each channel, (N, C, H, W) to (N, C): sum-pooled convolutional features, without the centre prior.

    Source: Babenko and Lempitsky, "Aggregating deep convolutional features for image retrieval", ICCV 2015.
    """

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C)."""
        return _wide(features).mean(dim=(2, 3))


class GeM(nn.Module):
    """Generalised mean of each channel with one learnable exponent, (N, C, H, W) to (N, C).

    mean(xᵖ)^(1/p), between the mean (p = 1) and the maximum (p → ∞). Activations are raised to ``eps`` first, since
    roots of negative numbers are none; where they were below it, the gradient is zero.

    Source: Radenović, Tolias and Chum, "Fine-tuning CNN image retrieval with no human annotation", TPAMI 2018,
    arXiv:1711.02512.

    Args:
        p: exponent to start from, above 0.
        eps: least activation, above 0.
        exponents: how many exponents are learnt: 1 for all channels, or one a channel (see ``GeMmp``).

    Raises:
        InvalidInputError: if ``p`` or ``eps`` is not above 0.

    >>> GeM(p=2)(torch.tensor([[[[3.0, 4.0]]]])).square()
    tensor([[12.5000]], grad_fn=<PowBackward0>)
    """

    def __init__(self, *, p: float = 3.0, eps: float = 1e-6, exponents: int = 1) -> None:
        super().__init__()
        if not (p > 0 and eps > 0):
            raise InvalidInputError(f"GeM needs p and eps above 0, not p={p} and eps={eps}")
        self.p = nn.Parameter(torch.full((exponents,), float(p)))
        self.eps = eps

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C)."""
        raised = _wide(features).clamp(min=self.eps)
        # The generalised mean scales with its input, so dividing by the maximum changes neither value nor gradient;
        # without it a large p overflows. What is left lies in (0, 1] and its mean is at least 1 / (H · W).
        largest = raised.detach().amax(dim=(2, 3), keepdim=True)
        p = self.p.to(raised.dtype)
        mean = (raised / largest).pow(p[:, None, None]).mean(dim=(2, 3))
        return largest[:, :, 0, 0] * mean.pow(1 / p)

    def extra_repr(self) -> str:
        """The exponents, as ``repr`` shows them."""
        return f"p={self.p.mean().item():.4g}, exponents={self.p.numel()}"


class GeMmp(GeM):
    """Generalised mean with one learnable exponent a channel, (N, C, H, W) to (N, C): GeM "with multiple p".

    Source: Radenović, Tolias and Chum, TPAMI 2018, section 3.2, arXiv:1711.02512.

    Args:
        channels: C.
        p: exponent all channels start from, above 0.
        eps: least activation, above 0.
    """

    def __init__(self, channels: int, *, p: float = 3.0, eps: float = 1e-6) -> None:
        super().__init__(p=p, eps=eps, exponents=channels)


class RMAC(nn.Module):
    """Sum of the unit-length maxima of square regions at several scales, (N, C, H, W) to (N, C).

    At level l the regions have side 2 · min(H, W) / (l + 1), rounded down; there are l of them along the short side
    and as many more along the long side as make neighbours at level 1 overlap most nearly by ``overlap``. The paper
    whitens each region's vector before the sum; here whitening, where wanted, comes after it. Radenović's
    implementation also adds the maximum of the whole map, which the paper does not.

    Source: Tolias, Sicre and Jégou, "Particular object retrieval with integral max-pooling of CNN activations",
    ICLR 2016, arXiv:1511.05879.

    Args:
        levels: L, at least 1. Levels whose regions would be smaller than one position are left out.
        overlap: share of a region that its neighbour at level 1 should cover, from 0 up to below 1.

    Raises:
        InvalidInputError: if ``levels`` or ``overlap`` is out of range.
    """

    def __init__(self, *, levels: int = 3, overlap: float = 0.4) -> None:
        super().__init__()
        if levels < 1 or not 0 <= overlap < 1:
            raise InvalidInputError(
                f"RMAC needs levels of at least 1 and an overlap in [0, 1), not levels={levels} and overlap={overlap}"
            )
        self.levels, self.overlap = levels, overlap

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C); length at most the number of regions."""
        features = _wide(features)
        regions = torch.cat(
            [_region_maxima(features, side, rows, columns) for side, rows, columns in self._grids(features)], dim=2
        )
        return functional.normalize(regions, dim=1).sum(dim=2)

    def _grids(self, features: torch.Tensor) -> list[tuple[int, list[int], list[int]]]:
        """Of each level: side of its regions, and where they start along H and W."""
        height, width = features.shape[2:]
        extra = _extra_regions(min(height, width), max(height, width), self.overlap)
        grids = []
        for level in range(1, self.levels + 1):
            side = 2 * min(height, width) // (level + 1)
            if side:
                rows = _starts(height, side, level + (extra if height > width else 0))
                columns = _starts(width, side, level + (extra if width > height else 0))
                grids.append((side, rows, columns))
        return grids

    def extra_repr(self) -> str:
        """Levels and overlap, as ``repr`` shows them."""
        return f"levels={self.levels}, overlap={self.overlap}"


def _extra_regions(short: int, long: int, overlap: float) -> int:
    """How many more regions than one the long side has at level 1; up to six, as a map is never longer than that."""
    if short == long:
        return 0
    return min(range(1, 7), key=lambda extra: abs(1 - (long - short) / extra / short - overlap))


def _starts(length: int, side: int, count: int) -> list[int]:
    """``count`` starts from 0 to ``length - side``, evenly spread and rounded down.

    >>> _starts(10, 4, 3)
    [0, 3, 6]
    """
    return [0] if count == 1 else [position * (length - side) // (count - 1) for position in range(count)]


def _region_maxima(features: torch.Tensor, side: int, rows: list[int], columns: list[int]) -> torch.Tensor:
    """(N, C, H, W) to (N, C, rows · columns): maxima of the squares that start at each row and column."""
    strips = features.unfold(2, side, 1)[:, :, rows].amax(dim=-1)  # (N, C, rows, W)
    return strips.unfold(3, side, 1)[:, :, :, columns].amax(dim=-1).flatten(2)


POOLINGS: Mapping[str, Callable[[int], nn.Module]] = {
    "mac": lambda channels: MAC(),
    "spoc": lambda channels: SPoC(),
    "gem": lambda channels: GeM(),
    "gemmp": GeMmp,
    "rmac": lambda channels: RMAC(),
}
"""Pooling layers by name; each takes the number of channels, which only ``gemmp`` needs."""


def build_pooling(name: str, channels: int) -> nn.Module:
    """A pooling layer, float (N, channels, H, W) to (N, channels).

    Raises:
        InvalidInputError: if there is none of this name.
    """
    if name not in POOLINGS:
        raise InvalidInputError(f"no pooling is called {name!r}: there are {', '.join(POOLINGS)}")
    return POOLINGS[name](channels)
