"""Image files made on the spot."""

import io
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image


@pytest.fixture(scope="session")
def photo() -> NDArray[np.uint8]:
    """40×56 RGB: smooth, with three different channels and no symmetry."""
    y, x = np.mgrid[0:40, 0:56].astype(np.float64)
    channels = [127 + 120 * np.sin(x / 9 + 0.3), 255 * y / 39, 60 + 2 * x + y]
    return np.dstack(channels).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """Pixels (array or Pillow image) as the bytes of a file: ``encode(pixels, "PNG", **Pillow's options)``."""

    def make(pixels: NDArray | Image.Image, format: str, **options: object) -> bytes:
        image = Image.fromarray(pixels) if isinstance(pixels, np.ndarray) else pixels
        file = io.BytesIO()
        image.save(file, format, **options)
        return file.getvalue()

    return make


@pytest.fixture(scope="session")
def make_png() -> Callable[..., bytes]:
    """A PNG from its parts, so that any bit depth, colour type and chunk can be had: values are H×W×channels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    def make(
        values: NDArray, bits: int, colour_type: int, *chunks: tuple[bytes, bytes], after: tuple[bytes, bytes] = ()
    ) -> bytes:
        height, width = values.shape[:2]
        rows = values.reshape(height, -1)
        if bits == 16:
            lines = [row.astype(">u2").tobytes() for row in rows]
        else:
            unpacked = (rows[..., None] >> np.arange(bits - 1, -1, -1)) & 1
            lines = [np.packbits(row.astype(np.uint8)).tobytes() for row in unpacked.reshape(height, -1)]
        header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
        body = zlib.compress(b"".join(b"\0" + line for line in lines))
        parts = [(b"IHDR", header), *chunks, (b"IDAT", body), *filter(None, [after]), (b"IEND", b"")]
        return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts)

    return make


@pytest.fixture(scope="session")
def make_video(tmp_path_factory) -> Callable[..., object]:
    """A video whose frame n shows the number n as nine black or white blocks (and a moving square)."""

    def frame(number: int, width: int, height: int) -> NDArray[np.uint8]:
        y, x = np.mgrid[0:height, 0:width]
        pixels = np.dstack([x * 255 // width, y * 255 // height, np.full_like(x, 90)]).astype(np.uint8)
        left = number * 7 % (width - 20)
        pixels[height // 2 : height // 2 + 20, left : left + 20] = (250, 40, number % 256)
        for bit in range(9):
            pixels[0:12, bit * 12 : bit * 12 + 12] = 255 * (number >> bit & 1)
        return pixels

    def make(name: str, codec: str, *, frames: int, rate: float = 30, width: int = 160, height: int = 120):
        path = tmp_path_factory.mktemp("video") / name
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), rate, (width, height))
        assert writer.isOpened(), f"this OpenCV cannot write {codec}"
        for number in range(frames):
            writer.write(frame(number, width, height))  # OpenCV's order is BGR: the square is red in RGB
        writer.release()
        return path

    return make


@pytest.fixture(scope="session")
def number_shown() -> Callable[[NDArray[np.uint8]], int]:
    """The number that a frame of ``make_video`` shows."""
    return lambda frame: sum(int(frame[3:9, bit * 12 + 3 : bit * 12 + 9].mean() > 128) << bit for bit in range(9))
