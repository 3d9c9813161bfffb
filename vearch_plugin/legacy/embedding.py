"""From the features of requests, vectors or images, to rows that can be stored and compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from util.errors import InvalidInputError, NearIdError
from util.records import Embeddings, SpaceInfo
from vearch_plugin.legacy.catalogue import LegacySpace
from vearch_plugin.legacy.documents import Feature

Row: TypeAlias = Embeddings | NearIdError
"""float32 (1, D), a unit row; or why there is none."""


class ImageEmbedder(Protocol):
    """Makes vectors of images, however a request names them."""

    def __call__(self, info: SpaceInfo, images: Sequence[str]) -> list[Row]:
        """One row an image, by the extractor of a space; raises what concerns all images alike."""


def embed_features(space: LegacySpace, features: Sequence[Feature], *, embed: ImageEmbedder) -> list[Row]:
    """One row a feature; all images go to the extractor together.

    Raises:
        InvalidInputError: if there are images and the space is for vectors of the programs' own.
    """
    images = [feature for feature in features if isinstance(feature, str)]
    made = iter(embed(_for_images(space), images) if images else [])
    return [next(made) if isinstance(feature, str) else feature for feature in features]


def embed_feature(space: LegacySpace, feature: Feature, *, embed: ImageEmbedder) -> Embeddings:
    """The row of one feature.

    Raises:
        InvalidInputError: if it is an image and the space is for vectors of the programs' own.
        ImageError: if the image cannot be read.
    """
    [row] = embed_features(space, [feature], embed=embed)
    if isinstance(row, NearIdError):
        raise row
    return row


def _for_images(space: LegacySpace) -> SpaceInfo:
    if space.has_extractor:
        return space.info
    raise InvalidInputError(
        f"the space holds vectors of the programs' own, of dimension {space.info.dimension}, which no extractor of "
        "this service made: give the feature as a list of numbers, or make a space with the dimension of an extractor"
    )
