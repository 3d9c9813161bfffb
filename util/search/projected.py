"""An extractor whose embeddings go through the projection that a space keeps."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from util.errors import DimensionMismatchError
from util.image_extract.base import Extractor
from util.records import Embeddings, SpaceInfo
from util.search.projection import PROJECTION, Projection, projection_of


class ProjectedExtractor(Extractor):
    """Embeds as another extractor does, then projects. It goes by the other's name, with a fingerprint of its own.

    Args:
        base: makes the embeddings.
        projection: makes them shorter.
        about: JSON that a space of these embeddings keeps of the projection, beside its numbers.

    Raises:
        DimensionMismatchError: if the projection is not one for embeddings of this length.
    """

    def __init__(self, base: Extractor, projection: Projection, *, about: Mapping[str, object] | None = None) -> None:
        if base.dimension != projection.inputs:
            raise DimensionMismatchError(
                f"the projection takes embeddings of dimension {projection.inputs}, and the extractor {base.name!r} "
                f"makes {base.dimension}: use the one it was fitted for"
            )
        self._base, self._projection, self._about = base, projection, dict(about or {})
        self.name, self.dimension, self.revision = base.name, projection.dimension, base.revision
        self.recipe, self.default_recipe = base.recipe, base.default_recipe
        self.batch_size, self.duplicate_score = base.batch_size, base.duplicate_score

    @property
    def weights_digest(self) -> str:
        """sha256 over the other's digest and the projection's."""
        return hashlib.sha256(f"{self._base.weights_digest}{self._projection.sha256}".encode()).hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over the other's fingerprint and the projection's bytes (see ``Projection.follow``)."""
        return self._projection.follow(self._base.fingerprint)

    @property
    def space_attributes(self) -> Mapping[str, object]:
        """The projection, and what is known of it."""
        return {PROJECTION: {**self._about, **self._projection.to_json()}}

    def prepare(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Preprocesses one image as the other extractor does."""
        return self._base.prepare(image)

    def embed(self, prepared: Sequence[NDArray[np.uint8]]) -> Embeddings:
        """float32 (N, dimension), unit rows."""
        return self._projection.apply(self._base.embed(prepared))


def as_in_space(extractor: Extractor, info: SpaceInfo) -> Extractor:
    """The extractor, followed by the projection that a space keeps, if it keeps one.

    Raises:
        StoreError: if the projection is damaged.
        DimensionMismatchError: if it is not one for this extractor.
    """
    kept = info.attributes.get(PROJECTION)
    if kept is None:
        return extractor
    about = kept if isinstance(kept, Mapping) else None
    return ProjectedExtractor(extractor, projection_of(info), about=about)
