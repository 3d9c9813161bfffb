"""Images of 2021's requests, by the service's extractors."""

from __future__ import annotations

from collections.abc import Sequence

from util.errors import ImageError, ImageTooLargeError
from util.image_extract import describe
from util.records import SpaceInfo
from util.search.extraction import Failure, batched
from util.search.indexing import space_for
from vearch_plugin.legacy.embedding import Row
from vearch_plugin.legacy.schema import Schema
from vearch_plugin.schemas.requests import ImageSource
from vearch_plugin.service import Service
from vearch_plugin.sources import Named

_READY = ("none needed", "present")


def space_of_extractor(service: Service, schema: Schema, name: str) -> SpaceInfo | None:
    """The space of an extractor whose vectors fit a schema.

    That is the one which the schema names as its model, or the service's own; either only if it is ready and its
    vectors have the schema's dimension.

    Args:
        service: with its extractors.
        schema: what the program asked for.
        name: of the new space in the store.

    Returns:
        The space; ``None`` where no extractor fits, so that the vectors must be the programs' own.
    """
    for wanted in (schema.vector.model, service.settings.extractor):
        if wanted and _fits(service, schema, wanted):
            return space_for(service.extraction_of(wanted).extractor, name)
    return None


def embed_images(service: Service, info: SpaceInfo, images: Sequence[str]) -> list[Row]:
    """Makes vectors of images.

    Args:
        service: with its extractors, and its limits on what may be read.
        info: the space whose extractor is to be used.
        images: each as base64, as a ``data:`` URL, or, with a dot in it, as a URL or the path of a file.

    Returns:
        One row an image, or why it cannot be read.

    Raises:
        ExtractorUnavailableError, FingerprintMismatchError: if the extractor cannot be had.
    """
    rows: list[Row] = []
    for some in batched(images, service.limits.max_request_images):  # not the files of a long request all at once
        rows += _embed(service, info, some)
    return rows


def _fits(service: Service, schema: Schema, extractor: str) -> bool:
    """Whether an extractor is ready and makes vectors of the schema's dimension; asked of this one alone."""
    described = describe(service.settings.models_dir, name=extractor)
    return any(known.weights in _READY and known.dimension == schema.vector.dimension for known in described)


def _embed(service: Service, info: SpaceInfo, images: Sequence[str]) -> list[Row]:
    kept, read, unread = service.reader().read_all([Named("feature", _source(image)) for image in images])
    decoded, vectors, undecoded = service.extraction_of(info).embed_sources([image.data for image in read])
    embedded = [kept[place] for place in decoded]
    rows: dict[int, Row] = {position: vectors[[row]] for row, position in enumerate(embedded)}
    rows |= _failures([position for position in range(len(images)) if position not in kept], unread)
    rows |= _failures([position for position in kept if position not in embedded], undecoded)
    return [rows[position] for position in range(len(images))]


def _failures(positions: Sequence[int], failures: Sequence[Failure]) -> dict[int, Row]:
    return {position: _error(failure) for position, failure in zip(positions, failures, strict=True)}


def _error(failure: Failure) -> ImageError:
    kind = ImageTooLargeError if failure.code == ImageTooLargeError.code else ImageError
    return kind("feature", failure.error)


def _source(image: str) -> ImageSource:
    """How the plugin told them apart: base64 holds no dot."""
    start = image[:16].lstrip().lower()
    if start.startswith(("http://", "https://")):
        return ImageSource.model_construct(url=image)
    if "." in image and not start.startswith("data:"):
        return ImageSource.model_construct(path=image)
    return ImageSource.model_construct(base64=image)
