"""How large an image may be before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

from util.errors import ImageTooLargeError, InvalidInputError


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The largest image that is read.

    Decoding takes some 10 bytes of memory a pixel, up to 22 for a WebP that has to be turned upright: the default can
    cost 2.2 GB for one hostile file. Lower it where many images of unknown origin are decoded at once.

    Attributes:
        max_bytes: size of the file, the download or the decoded base64.
        max_pixels: width times height, read from the header before any pixel is decoded. Pillow's own protection
            stays in force beside it: nothing over 2 × ``PIL.Image.MAX_IMAGE_PIXELS`` (about 179 million) is decoded.
        max_seconds: time by which a download, redirects included, must be complete.

    Raises:
        InvalidInputError: if a limit is not positive.
    """

    max_bytes: int = 64 * 2**20
    max_pixels: int = 100_000_000
    max_seconds: float = 30.0

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_pixels", "max_seconds"):
            if not getattr(self, name) > 0:
                raise InvalidInputError(f"{name} must be positive, not {getattr(self, name)}")

    def check_bytes(self, size: int, name: str) -> None:
        """Refuses what is larger than ``max_bytes``.

        Raises:
            ImageTooLargeError: naming the image.
        """
        if size > self.max_bytes:
            raise ImageTooLargeError(
                name,
                f"{size:,} bytes are over the limit of {self.max_bytes:,}: shrink the image or raise the byte limit",
            )

    def check_pixels(self, width: int, height: int, name: str) -> None:
        """Refuses what has more pixels than ``max_pixels``.

        Raises:
            ImageTooLargeError: naming the image.
        """
        if width * height > self.max_pixels:
            raise ImageTooLargeError(
                name,
                f"{width}×{height} is over the limit of {self.max_pixels:,} pixels: "
                "shrink the image or raise the pixel limit",
            )


DEFAULT_LIMITS = ImageLimits()
