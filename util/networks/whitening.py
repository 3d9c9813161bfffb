"""Whitening after training: a linear map that makes the directions embeddings vary in equally wide, or shortens them.

Principal components need embeddings alone; learned whitening also their items, and looks at how images of one item
differ. Both are fitted in float64 from scatter matrices that are summed block by block, never from lists of pairs.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import torch
from torch import nn

from util.errors import InvalidInputError

BLOCK = 8192
"""Rows that are in float64 at a time."""

RANK_TOLERANCE = 1e-10
"""Directions with less than this share of the largest variance are taken for rounding errors."""


class Whitening(nn.Module):
    """(x − mean) Pᵀ: float (N, D) to float32 (N, d), not of unit length. Everything of it is in its state dict.

    Args:
        mean: (D,).
        projection: P, (d, D), its rows ordered from the most telling to the least.
        explained: (d,), which share of the total variance each row holds; after learned whitening, of the variance
            measured in units of that within items.

    Raises:
        InvalidInputError: if the shapes do not belong together.
    """

    mean: torch.Tensor
    projection: torch.Tensor
    explained: torch.Tensor

    def __init__(self, mean: torch.Tensor, projection: torch.Tensor, explained: torch.Tensor) -> None:
        super().__init__()
        if projection.ndim != 2 or mean.shape != projection.shape[1:] or explained.shape != projection.shape[:1]:
            raise InvalidInputError(
                "whitening takes a mean (D,), a projection (d, D) and shares (d,), not "
                f"{tuple(mean.shape)}, {tuple(projection.shape)} and {tuple(explained.shape)}"
            )
        self.register_buffer("mean", mean.float())
        self.register_buffer("projection", projection.float())
        self.register_buffer("explained", explained.float())

    @classmethod
    def empty(cls, inputs: int, dimension: int) -> Whitening:
        """One that leaves the first ``dimension`` of ``inputs`` values as they are, to load a state dict into."""
        return cls(torch.zeros(inputs), torch.eye(dimension, inputs), torch.zeros(dimension))

    def shortened(self, dimension: int) -> Whitening:
        """The same with the first ``dimension`` rows alone.

        Raises:
            InvalidInputError: if there are not as many.
        """
        rows = _dimension(dimension, len(self.projection))
        return Whitening(self.mean, self.projection[:rows], self.explained[:rows])

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """(N, D) to (N, d), in float32 also under autocast: narrow directions are stretched, rounding errors too."""
        with torch.autocast(embeddings.device.type, enabled=False):
            return (embeddings.float() - self.mean) @ self.projection.T

    def extra_repr(self) -> str:
        """Lengths and explained variance, as ``repr`` shows them."""
        rows, inputs = self.projection.shape
        return f"inputs={inputs}, dimension={rows}, explained={self.explained.sum().item():.3f}"


def fit_pca(embeddings: torch.Tensor, *, dimension: int | None = None, power: float = 1.0) -> Whitening:
    """Whitening by principal components: the output's covariance is the identity, the widest direction comes first.

    Sources: Jégou and Chum, "Negative evidences and co-occurences in image retrieval", ECCV 2012; ``power`` is the
    attenuation of Mukundan et al., "Understanding and improving kernel local descriptors", IJCV 2019.

    Args:
        embeddings: float (N, D), N at least 2.
        dimension: d, at most the rank of the centred embeddings, which it is where none is given.
        power: 1 divides each component by its standard deviation, 0 only rotates, between them lies some of each.

    Raises:
        InvalidInputError: if the embeddings are not such, or ``dimension`` or ``power`` is out of range.
    """
    embeddings = _rows(embeddings)
    mean = _mean(embeddings)
    return pca_of_scatter(_scatter(embeddings, mean), mean, len(embeddings), dimension=dimension, power=power)


def pca_of_scatter(
    scatter: torch.Tensor, mean: torch.Tensor, count: int, *, dimension: int | None = None, power: float = 1.0
) -> Whitening:
    """:func:`fit_pca` of embeddings that were never together in memory: of their mean and scatter alone.

    Args:
        scatter: Σ (x − mean)(x − mean)ᵀ, float64 (D, D).
        mean: float64 (D,).
        count: how many embeddings, at least 2.
        dimension: as in ``fit_pca``.
        power: as in ``fit_pca``.

    Raises:
        InvalidInputError: if all embeddings are the same, or ``dimension`` or ``power`` is out of range.
    """
    if not 0 <= power <= 1:
        raise InvalidInputError(f"the power of whitening lies from 0 (rotation) to 1 (whitening), not at {power}")
    variances, directions = _descending(scatter / (count - 1))
    rows = _dimension(dimension, _rank(variances))
    projection = directions[:rows] * variances[:rows, None].pow(-power / 2)
    return Whitening(mean, projection, variances[:rows] / variances.sum())


def fit_learned_whitening(
    embeddings: torch.Tensor,
    items: Sequence[Hashable] | torch.Tensor,
    *,
    dimension: int | None = None,
    floor: float = 1e-4,
) -> Whitening:
    """Whitening by matched pairs: directions in which images of one item differ count little, the others much.

    With S half the mean of (x − y)(x − y)ᵀ over all pairs of images of one item, P = R S^-½, where R rotates the
    output to its principal components, the widest first. The output's covariance within items is the identity, and
    variance above 1 is what lies between items. Pairs are never listed: the sum over the pairs of one item with n
    images is n times the scatter of these about their mean.

    Where there are fewer pairs than dimensions S has no inverse. Its eigenvalues are therefore raised to ``floor``
    times their mean (the papers' implementation adds to the diagonal until the Cholesky decomposition succeeds,
    which stretches the directions no pair varies in without limit).

    Sources: Mikolajczyk and Matas, "Improving descriptors for fast tree matching by optimal linear projection",
    ICCV 2007; Radenović, Tolias and Chum, "Fine-tuning CNN image retrieval with no human annotation", TPAMI 2018,
    section 4.2, arXiv:1711.02512.

    Args:
        embeddings: float (N, D).
        items: of each image; at least one item has two.
        dimension: d, at most the rank of the centred embeddings, which it is where none is given.
        floor: above 0.

    Raises:
        InvalidInputError: if the embeddings or items are not such, or ``dimension`` or ``floor`` is out of range.
    """
    embeddings = _rows(embeddings)
    if not floor > 0:
        raise InvalidInputError(f"the floor of the eigenvalues is to be above 0, not {floor}")
    mean = _mean(embeddings)
    covariance = _scatter(embeddings, mean) / (len(embeddings) - 1)
    within, directions = _descending(_matched_scatter(embeddings, items))
    if within[0] <= RANK_TOLERANCE * covariance.trace():
        raise InvalidInputError("all images of an item have the same embedding: there is nothing to learn whitening of")
    root = directions / within.clamp(min=floor * within.mean()).sqrt()[:, None]  # S^-½ up to a rotation
    variances, rotation = _descending(root @ covariance @ root.T)
    rows = _dimension(dimension, _rank(variances))
    return Whitening(mean, rotation[:rows] @ root, variances[:rows] / variances.sum())


def _rows(embeddings: torch.Tensor) -> torch.Tensor:
    """The embeddings without their gradients, once they are known to be (N, D), N at least 2, and finite."""
    if embeddings.ndim != 2 or len(embeddings) < 2 or not embeddings.shape[1] or not embeddings.is_floating_point():
        raise InvalidInputError(
            "whitening is fitted to float embeddings (N, D) with N of at least 2, "
            f"not to {embeddings.dtype} of shape {tuple(embeddings.shape)}"
        )
    broken = int((~embeddings.isfinite()).any(dim=1).sum())
    if broken:
        raise InvalidInputError(f"{broken} of {len(embeddings)} embeddings hold NaN or infinity: leave them out")
    return embeddings.detach()


def _mean(embeddings: torch.Tensor) -> torch.Tensor:
    return embeddings.mean(dim=0, dtype=torch.float64)


def _scatter(embeddings: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """Σ (x − mean)(x − mean)ᵀ in float64, (D, D)."""
    scatter = mean.new_zeros(len(mean), len(mean))
    for block in torch.split(embeddings, BLOCK):
        centred = block.double() - mean
        scatter.addmm_(centred.T, centred)
    return scatter


def _matched_scatter(embeddings: torch.Tensor, items: Sequence[Hashable] | torch.Tensor) -> torch.Tensor:
    """Half the mean of (x − y)(x − y)ᵀ over all pairs of one item, in float64, (D, D)."""
    labels = _labels(items, len(embeddings)).to(embeddings.device)
    counts = labels.bincount()
    pairs = int((counts * (counts - 1)).sum()) // 2
    if not pairs:
        raise InvalidInputError(f"no item has two images among {len(embeddings)}: learned whitening needs such pairs")
    means = embeddings.new_zeros(len(counts), embeddings.shape[1], dtype=torch.float64)
    for block, own in _blocks(embeddings, labels):
        means.index_add_(0, own, block)
    means /= counts[:, None]
    scatter = means.new_zeros(embeddings.shape[1], embeddings.shape[1])
    for block, own in _blocks(embeddings, labels):
        centred = (block - means[own]) * counts[own, None].double().sqrt()
        scatter.addmm_(centred.T, centred)
    return scatter / (2 * pairs)


def _labels(items: Sequence[Hashable] | torch.Tensor, count: int) -> torch.Tensor:
    """Items numbered from 0, int64 (count,)."""
    names = items.tolist() if isinstance(items, torch.Tensor) else list(items)
    if len(names) != count:
        raise InvalidInputError(f"there are {len(names)} items for {count} embeddings: give one item an embedding")
    numbers = {item: number for number, item in enumerate(dict.fromkeys(names))}
    return torch.tensor([numbers[item] for item in names])


def _blocks(embeddings: torch.Tensor, labels: torch.Tensor) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    for block, own in zip(torch.split(embeddings, BLOCK), torch.split(labels, BLOCK), strict=True):
        yield block.double(), own


def _descending(symmetric: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eigenvalues, the largest first, and eigenvectors as rows, each with its largest value positive."""
    values, vectors = torch.linalg.eigh((symmetric + symmetric.T) / 2)
    rows = vectors.T.flip(0)
    largest = rows.gather(1, rows.abs().argmax(dim=1, keepdim=True))
    return values.flip(0).clamp(min=0), rows * largest.sign()


def _rank(variances: torch.Tensor) -> int:
    rank = int((variances > RANK_TOLERANCE * variances[0]).sum())
    if not rank:
        raise InvalidInputError("all embeddings are the same: there is nothing to whiten")
    return rank


def _dimension(wanted: int | None, rank: int) -> int:
    if wanted is None:
        return rank
    if not 1 <= wanted <= rank:
        raise InvalidInputError(
            f"whitening leaves from 1 to {rank} dimensions here, as many as the embeddings vary in, not {wanted}"
        )
    return wanted
