"""From what a request gives as images to the bytes of image files.

An image comes as an upload, as base64, as a URL (where these are allowed) or as the path of a file below one of the
configured folders. Nothing is decoded here: that is done by the steps of the library, as everywhere.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from util.errors import ImageError, ImageTooLargeError
from util.images import ImageLimits, decode_base64, read_bytes
from util.search.extraction import Failure
from vearch_plugin.bodies import UploadedFile
from vearch_plugin.errors import (
    DeadlineExceededError,
    InvalidFieldsError,
    ServiceError,
    TooLargeImagesError,
    UnreadableImagesError,
)
from vearch_plugin.schemas.requests import ImageSource

Source: TypeAlias = ImageSource | UploadedFile


@dataclass(frozen=True, slots=True)
class ReadImage:
    """The bytes of an image file; ``path`` says where it lies, if it lies on this machine."""

    data: bytes
    path: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """An image of a request and what the answer calls it."""

    name: str
    source: Source


@dataclass(frozen=True)
class SourceReader:
    """Reads the images of one request.

    Attributes:
        roots: folders below which files may be named.
        limits: largest image.
        allow_urls: whether URLs are fetched.
        deadline: of the request, on the clock of ``time.monotonic``.
    """

    roots: Sequence[Path]
    limits: ImageLimits
    allow_urls: bool
    deadline: float

    def read_all(self, images: Iterable[Named]) -> tuple[list[int], list[ReadImage], list[Failure]]:
        """Reads images, going on past those that cannot be read.

        Returns:
            Positions of the images that could be read; what was read; the failures of the others.
        """
        kept: list[int] = []
        read: list[ReadImage] = []
        failed: list[Failure] = []
        for position, image in enumerate(images):
            try:
                read.append(self.read(image.source))
                kept.append(position)
            except ImageError as error:
                failed.append(Failure(image.name, error.reason, error.code))
        return kept, read, failed

    def read(self, source: Source) -> ReadImage:
        """The bytes of one image.

        Raises:
            ImageError: if it cannot be read; its reason may be told to the client.
            DeadlineExceededError: if the request's time is over.
        """
        if isinstance(source, UploadedFile):
            if not source.data:
                raise ImageError("upload", "the file is empty")
            self.limits.check_bytes(len(source.data), "upload")
            return ReadImage(source.data)
        if source.base64 is not None:
            return ReadImage(decode_base64(source.base64, limits=self.limits))
        if source.url is not None:
            return ReadImage(self._fetched(source.url))
        return self._server_file(source.path or "")

    def _fetched(self, url: str) -> bytes:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise DeadlineExceededError("the request took too long: send fewer images")
        if not self.allow_urls:
            raise ImageError("URL", "this service fetches no URLs: send the image itself")
        if not url.lower().startswith(("http://", "https://")):
            raise ImageError("URL", "only http and https URLs are fetched")
        try:
            return read_bytes(url, limits=replace(self.limits, max_seconds=left), allow_urls=True)
        except ImageTooLargeError:
            raise
        except ImageError:
            # Why not would tell a stranger which hosts and ports there are in the service's own network.
            raise ImageError("URL", "cannot be fetched: it must be an image at a public http or https URL") from None

    def _server_file(self, given: str) -> ReadImage:
        path = self._below_a_root(given)
        try:
            return ReadImage(read_bytes(path, limits=self.limits), str(path))
        except ImageTooLargeError:
            raise
        except ImageError:
            raise _no_such_file() from None

    def _below_a_root(self, given: str) -> Path:
        for root in self.roots:
            try:
                path = (root / given).resolve(strict=True)
            except (OSError, ValueError, RuntimeError):  # missing, a NUL in it, links in a circle
                continue
            if path.is_relative_to(root) and path.is_file():
                return path
        raise _no_such_file()


def all_failed(failed: Sequence[Failure]) -> ServiceError:
    """The error of a request none of whose images could be read."""
    first = failed[0]
    too_large = all(failure.code == ImageTooLargeError.code for failure in failed)
    kind = TooLargeImagesError if too_large else UnreadableImagesError
    listed = [{"name": failure.path, "code": failure.code, "message": failure.error} for failure in failed]
    return kind(f"{first.path}: {first.error}", detail={"failed": listed})


def check_count(images: Sequence[object], most: int) -> None:
    """Refuses requests with no or too many images.

    Raises:
        InvalidFieldsError: naming the limit.
    """
    if not 1 <= len(images) <= most:
        raise InvalidFieldsError(f"a request has 1 to {most} images, not {len(images)}: send several requests")


def _no_such_file() -> ImageError:
    # One answer for what is not there and what must not be read: neither can be told from the other.
    return ImageError("path", "is no readable file below the folders that this service may read images from")
