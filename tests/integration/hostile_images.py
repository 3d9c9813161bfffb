"""Image files with something wrong, by the thousand: seeded mutations of valid files of every format."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

SEED = 20
Mutation = Callable[[bytes, random.Random, Sequence[bytes]], bytes]


def write_hostile_images(folder: Path, count: int, *, photos: Sequence[Path] = (), seed: int = SEED) -> list[Path]:
    """Writes ``count`` mutated files; every mutation meets every kind of file in turn.

    Args:
        folder: where to.
        count: how many.
        photos: real photos to mutate besides the synthetic files.
        seed: the same seed gives the same files (as far as Pillow encodes the same).

    Returns:
        The files; their names tell mutation and origin.
    """
    chance = random.Random(seed)
    seeds = valid_images() | {f"photo{number}.jpg": path.read_bytes() for number, path in enumerate(photos)}
    others = list(seeds.values())
    paths = []
    for number, (mutation, origin) in zip(range(count), _pairs(list(MUTATIONS), list(seeds)), strict=False):
        path = folder / f"{number:04d}-{mutation}-{origin}"
        path.write_bytes(MUTATIONS[mutation](seeds[origin], chance, others))
        paths.append(path)
    return paths


def valid_images() -> dict[str, bytes]:
    """One small file of each format and kind of pixel, by name."""
    y, x = np.mgrid[0:72, 0:96]
    noise = np.random.default_rng(SEED).integers(0, 60, (72, 96, 3))
    photo = Image.fromarray((np.dstack([x * 2, y * 2, x + y]) + noise).astype(np.uint8))
    grey, mask, palette = photo.convert("L"), photo.convert("1"), photo.quantize(32)
    cut_out = photo.copy()
    cut_out.putalpha(grey)
    deep = Image.fromarray((np.asarray(grey).astype(np.uint16) << 8) + 77)
    frames = [photo, photo.rotate(90), photo.rotate(180)]
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a bottle"
    exif.get_ifd(0x8769)[0x9003] = "2024:01:01 00:00:00"
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "a bottle " * 50, zip=True)
    text.add_itxt("Title", "Flasche", zip=True)
    animated = {"save_all": True, "append_images": frames[1:]}
    return dict(
        _encoded(name, image, options)
        for name, image, options in [
            ("baseline.jpg", photo, {"exif": exif}),
            ("progressive.jpg", photo, {"progressive": True, "quality": 95}),
            ("grey.jpg", grey, {}),
            ("cmyk.jpg", photo.convert("CMYK"), {}),
            ("restarts.jpg", photo, {"restart_marker_blocks": 2, "comment": b"c" * 100, "icc_profile": b"p" * 3000}),
            ("rgb.png", photo, {"pnginfo": text, "exif": exif, "icc_profile": b"p" * 3000}),
            ("rgba.png", cut_out, {}),
            ("palette.png", palette, {"transparency": 3}),
            ("bits.png", mask, {}),
            ("deep.png", deep, {}),
            ("animated.png", photo, animated),
            ("lossy.webp", photo, {"exif": exif}),
            ("lossless.webp", cut_out, {"lossless": True}),
            ("animated.webp", photo, animated),
            ("rgb.bmp", photo, {}),
            ("palette.bmp", palette, {}),
            ("bits.bmp", mask, {}),
            ("raw.tiff", photo, {"exif": exif}),
            ("lzw.tiff", photo, {"compression": "tiff_lzw"}),
            ("deflate.tiff", cut_out, {"compression": "tiff_adobe_deflate"}),
            ("jpeg.tiff", photo, {"compression": "jpeg"}),
            ("fax.tiff", mask, {"compression": "group4"}),
            ("packbits.tiff", palette, {"compression": "packbits"}),
            ("deep.tiff", deep, {}),
            ("pages.tiff", photo, animated),
            ("palette.gif", palette, {"transparency": 3}),
            ("animated.gif", photo, animated),
        ]
    )


def flip_bits(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Up to 20 single bits, anywhere."""
    mutated = bytearray(data)
    for _ in range(chance.randint(1, 20)):
        mutated[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(mutated)


def flip_header_bits(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Up to 6 single bits among the first 200 bytes, where the sizes are."""
    mutated = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        mutated[chance.randrange(min(200, len(data)))] ^= 1 << chance.randrange(8)
    return bytes(mutated)


def truncate(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """A beginning only; sometimes nothing at all."""
    return data[: chance.randrange(len(data))]


def splice(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """The beginning of one file and the end of another."""
    other = chance.choice(others)
    return data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]


def overwrite(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """A stretch of zeros, ones or noise."""
    start, length = chance.randrange(len(data)), chance.randint(1, 64)
    patch = chance.choice([b"\0" * length, b"\xff" * length, chance.randbytes(length)])
    return data[:start] + patch + data[start + length :]


def cut_out(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """A stretch is missing."""
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randint(1, 256) :]


def repeat(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """A stretch stands there many times."""
    start = chance.randrange(len(data))
    end = start + chance.randint(1, 512)
    return data[:end] + data[start:end] * chance.randint(1, 40) + data[end:]


def extreme_field(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """A 2- or 4-byte field near the beginning takes an extreme value."""
    field = chance.choice(
        [b"\xff\xff", b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff", b"\xff" * 4, b"\0\0\0\0", b"\0\0\0\x80"]
    )
    start = chance.randrange(min(300, len(data)))
    return data[:start] + field + data[start + len(field) :]


def lying_size(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """The header claims another size, from nothing to four billion pixels a side, with every checksum right."""
    width, height = (chance.choice([0, 1, 95, 97, 1900, 9_999, 16_383, 30_000, 65_535, 2**31 - 1]) for _ in range(2))
    return with_size(data, width, height)


MUTATIONS: dict[str, Mutation] = {
    mutation.__name__.replace("_", "-"): mutation
    for mutation in (
        flip_bits,
        flip_header_bits,
        truncate,
        splice,
        overwrite,
        cut_out,
        repeat,
        extreme_field,
        lying_size,
    )
}


def with_size(data: bytes, width: int, height: int) -> bytes:
    """The file with another width and height in its header, each cut to what the field can hold."""
    if data.startswith(b"\x89PNG"):
        header = struct.pack(">II", width, height) + data[24:29]
        return data[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + data[33:]
    if data.startswith(b"\xff\xd8"):
        frame = max(data.find(b"\xff\xc0\0"), data.find(b"\xff\xc2\0"))
        return data[: frame + 5] + struct.pack(">HH", height & 0xFFFF, width & 0xFFFF) + data[frame + 9 :]
    if data.startswith(b"GIF"):
        return data[:6] + struct.pack("<HH", width & 0xFFFF, height & 0xFFFF) + data[10:]
    if data.startswith(b"BM"):
        return data[:18] + struct.pack("<II", width, height) + data[26:]
    if data[8:12] == b"WEBP":
        return _webp_with_size(data, width, height)
    return _tiff_with_size(data, width, height)


def _webp_with_size(data: bytes, width: int, height: int) -> bytes:
    if data[12:16] == b"VP8X":
        canvas = (max(width, 1) - 1 & 0xFFFFFF).to_bytes(3, "little") + (max(height, 1) - 1 & 0xFFFFFF).to_bytes(
            3, "little"
        )
        return data[:24] + canvas + data[30:]
    if data[12:16] == b"VP8L":
        (bits,) = struct.unpack("<I", data[21:25])
        bits = bits & 0xF0000000 | (height & 0x3FFF) << 14 | width & 0x3FFF
        return data[:21] + struct.pack("<I", bits) + data[25:]
    return data[:26] + struct.pack("<HH", width & 0x3FFF, height & 0x3FFF) + data[30:]


def _tiff_with_size(data: bytes, width: int, height: int) -> bytes:
    order = "<" if data.startswith(b"II") else ">"
    (start,) = struct.unpack(order + "I", data[4:8])
    (count,) = struct.unpack(order + "H", data[start : start + 2])
    mutated = bytearray(data)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        (tag,) = struct.unpack(order + "H", data[entry : entry + 2])
        if tag in (256, 257):
            mutated[entry + 2 : entry + 12] = struct.pack(order + "HII", 4, 1, width if tag == 256 else height)
    return bytes(mutated)


def _encoded(name: str, image: Image.Image, options: dict[str, object]) -> tuple[str, bytes]:
    file = io.BytesIO()
    image.save(file, Image.registered_extensions()[Path(name).suffix], **options)
    return name, file.getvalue()


def _pairs(mutations: list[str], origins: list[str]) -> Iterator[tuple[str, str]]:
    """Every mutation with every origin, again and again."""
    while True:
        yield from ((mutation, origin) for origin in origins for mutation in mutations)
