"""How a program gives images to the client, and how they travel."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.errors import ImageError, InvalidInputError
from util.images import DEFAULT_LIMITS, read_bytes, read_image
from util.records import ImageRecord

BATCH_BYTES = 16 * 2**20
"""Size from which a request takes no further image: well below what services accept."""


@dataclass(frozen=True, slots=True)
class ServerPath:
    """A file on the service's own machine, below one of the folders it may read images from."""

    path: str


@dataclass(frozen=True, slots=True)
class ImageUrl:
    """An image that the service fetches by itself, where it is allowed to."""

    url: str


AskedImage: TypeAlias = str | Path | bytes | NDArray[np.generic] | ServerPath | ImageUrl
"""What can be asked with: a local path, the bytes of an image file, pixels (uint8 H×W×3 RGB), or a place that the
service reads from."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An image that was left out, and why."""

    name: str
    error: str


@dataclass(frozen=True, slots=True)
class Packed:
    """An image on its way.

    Attributes:
        position: where it stood among those given.
        name: what results and messages call it.
        body: its part of the request.
        size: bytes of that part, about.
    """

    position: int
    name: str
    body: dict[str, Any]
    size: int


def pack_queries(images: Iterable[AskedImage], failed: list[Failed]) -> Iterator[Packed]:
    """Images to ask with; those that cannot be read here are listed as failed.

    Args:
        images: in any of the forms an image can have.
        failed: takes what cannot be read.
    """
    for position, image in enumerate(images):
        name = str(image) if isinstance(image, str | Path) else f"query {position + 1}"
        try:
            yield _packed(position, name, source_of(image), {"name": name})
        except ImageError as error:
            failed.append(Failed(name, error.reason))


def pack_records(records: Iterable[ImageRecord], failed: list[Failed]) -> Iterator[Packed]:
    """Images to index, by file or by bytes; those that cannot be read here are listed as failed."""
    for position, record in enumerate(records):
        fields: dict[str, Any] = {"id": record.id, "metadata": dict(record.metadata)}
        if record.item is not None:
            fields["item"] = record.item
        try:
            data = record.data if record.data is not None else read_bytes(record.path)
            yield _packed(position, record.name, source_of(data), fields)
        except ImageError as error:
            failed.append(Failed(record.name, error.reason))


def source_of(image: AskedImage) -> dict[str, str]:
    """The image as a request names it.

    Raises:
        ImageError: if a local file or array cannot be read.
        InvalidInputError: if it is none of the forms of an image.
    """
    if isinstance(image, ServerPath):
        return {"path": image.path}
    if isinstance(image, ImageUrl):
        return {"url": image.url}
    if isinstance(image, np.ndarray):
        image = encode_png(image)
    elif isinstance(image, str | Path):
        image = read_bytes(image)
    if not isinstance(image, bytes):
        raise InvalidInputError(f"an image is a path, bytes, an array, a ServerPath or an ImageUrl, not {type(image)}")
    DEFAULT_LIMITS.check_bytes(len(image), "image")
    return {"base64": base64.b64encode(image).decode()}


def encode_png(pixels: NDArray[np.generic]) -> bytes:
    """An array as the bytes of a PNG file, exactly.

    Args:
        pixels: H×W grey, H×W×3 RGB or H×W×4 RGBA, of uint8, uint16, bool, or floats in [0, 1].

    Raises:
        ImageError: if it is no such array.
    """
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(read_image(pixels)).save(file, "PNG", compress_level=3)
    return file.getvalue()


def batches(images: Iterable[Packed], size: int) -> Iterator[list[Packed]]:
    """Neighbours that travel together: at most ``size``, fewer where they are large."""
    batch: list[Packed] = []
    weight = 0
    for image in images:
        if batch and (len(batch) == size or weight + image.size > BATCH_BYTES):
            yield batch
            batch, weight = [], 0
        batch.append(image)
        weight += image.size
    if batch:
        yield batch


def _packed(position: int, name: str, source: dict[str, str], fields: dict[str, Any]) -> Packed:
    return Packed(position, name, {**source, **fields}, sum(map(len, source.values())))
