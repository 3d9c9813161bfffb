"""Principal components of the vectors of a space, whitened if wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from util.errors import InvalidInputError
from util.records import Embeddings
from util.search.extraction import Progress, no_progress
from util.search.projection import Projection
from util.vector_store.base import VectorStore


@dataclass(frozen=True, slots=True)
class Fitted:
    """A projection, and what was found when it was fitted.

    Attributes:
        projection: from the old vectors to the new ones.
        explained: share of the old vectors' variance that the directions kept hold, in [0, 1].
        images: how many vectors it was fitted to.
    """

    projection: Projection
    explained: float
    images: int


def fit_projection(
    store: VectorStore,
    space: str,
    *,
    dimension: int,
    power: float = 0.0,
    batch_size: int = 1000,
    progress: Progress = no_progress,
) -> Fitted:
    """Principal components of the vectors of a space, in one pass and memory for a batch and D×D numbers.

    Vectors of zeros, which are similar to nothing, are left out.

    Sources: Jégou and Chum, "Negative evidences and co-occurences in image retrieval", ECCV 2012; ``power`` is the
    attenuation of Mukundan et al., "Understanding and improving kernel local descriptors", IJCV 2019.

    Args:
        store: holds the space.
        space: its name.
        dimension: how many components are kept.
        power: 0 only rotates, 1 divides each component by its standard deviation, between them lies some of each.
        batch_size: images read at once.
        progress: told after every batch, as of half the work: writing is the other half.

    Raises:
        InvalidInputError: if the vectors vary in fewer directions than are wanted.
    """
    info = store.info(space)
    moments = _Moments(info.dimension)
    read = 0
    for batch in store.iterate(space, batch_size=batch_size):
        moments.add(batch.vectors)
        read += len(batch)
        progress(read, 2 * info.count)
    if moments.count <= dimension:
        raise InvalidInputError(
            f"space {space!r} has {moments.count} vectors other than zero, which vary in at most "
            f"{max(0, moments.count - 1)} directions: {dimension} dimensions cannot be fitted to them; "
            "choose a smaller --dimension, or index more images first"
        )
    try:
        return _principal_components(moments, dimension, power)
    except InvalidInputError as error:
        raise InvalidInputError(f"space {space!r} cannot be reduced: {error}") from error


class _Moments:
    """Mean and scatter of vectors that come in batches.

    Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
    """

    def __init__(self, dimension: int) -> None:
        self.count = 0
        self.mean: NDArray[np.float64] = np.zeros(dimension)
        self.scatter: NDArray[np.float64] = np.zeros((dimension, dimension))

    def add(self, vectors: Embeddings) -> None:
        rows = vectors[vectors.any(axis=1)].astype(np.float64)
        if not len(rows):
            return
        mean = rows.mean(axis=0)
        rows -= mean
        apart, count = mean - self.mean, self.count + len(rows)
        self.scatter += rows.T @ rows
        self.scatter += np.outer(apart, apart) * (self.count * len(rows) / count)
        self.mean += apart * (len(rows) / count)
        self.count = count


def _principal_components(moments: _Moments, dimension: int, power: float) -> Fitted:
    import torch

    from util.networks.whitening import pca_of_scatter

    scatter, mean = torch.from_numpy(moments.scatter), torch.from_numpy(moments.mean)
    found = pca_of_scatter(scatter, mean, moments.count, dimension=dimension, power=power)
    projection = Projection(found.mean.numpy(), found.projection.numpy())
    return Fitted(projection, min(1.0, float(found.explained.double().sum())), moments.count)
