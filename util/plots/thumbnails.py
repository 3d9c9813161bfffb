"""Small pictures for a page, inside the page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

from util.errors import ImageError, InvalidInputError
from util.images import read_image
from util.plots.grids import fitted

_QUALITY = 78


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture, or the reason why there is none.

    Attributes:
        source: a ``data:`` URL; empty where there is no picture.
        missing: why there is none; empty where there is one.
    """

    source: str = ""
    missing: str = ""


class Thumbnails:
    """Makes thumbnails of image files until their bytes are used up, so that a page stays small enough to be mailed.

    Args:
        budget: bytes that all ``data:`` URLs may take together.
    """

    def __init__(self, budget: int = 4_000_000) -> None:
        if budget < 0:
            raise InvalidInputError(f"a budget is a number of bytes from 0 on, not {budget}")
        self._left = budget
        self._made: dict[tuple[str, int], Thumbnail] = {}

    def of(self, path: str | None, side: int) -> Thumbnail:
        """The picture of a file, no side longer than ``side`` pixels, or why there is none; it never raises."""
        if not path:
            return Thumbnail(missing="no file known")
        if (path, side) not in self._made:
            self._made[path, side] = self._make(path, side)
        made = self._made[path, side]
        if len(made.source) > self._left:
            return Thumbnail(missing="left out to keep this file small")
        self._left -= len(made.source)
        return made

    def _make(self, path: str, side: int) -> Thumbnail:
        if self._left <= 0:
            return Thumbnail(missing="left out to keep this file small")
        try:
            picture = fitted(read_image(path), side)
        except ImageError as error:
            return Thumbnail(missing=error.reason)
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=_QUALITY, optimize=True)
        return Thumbnail(source="data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"))
