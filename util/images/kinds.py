"""Which files are images, told by their names, and what a file is that turned out not to be one."""

from __future__ import annotations

from pathlib import Path

IMAGE_SUFFIXES: frozenset[str] = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
)
"""Lower-case suffixes of the formats that can be read: JPEG, PNG, WebP, BMP, TIFF and GIF."""

VIDEO_SUFFIXES: frozenset[str] = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm"})
"""Lower-case suffixes of the videos whose frames can be read."""

READABLE = "JPEG, PNG, WebP, BMP, TIFF and GIF"

_READABLE_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"GIF8")
_HEIF_BRANDS = (b"hei", b"hev", b"mif1", b"msf1", b"avi")
_OTHER_MAGIC = (
    (b"%PDF", "a PDF document"),
    (b"8BPS", "a Photoshop file"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"<", "a web page, XML or SVG text"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself (run `git lfs pull`)"),
)


def is_image_path(path: str | Path) -> bool:
    """Whether a name ends like an image that can be read; the file itself is not looked at.

    >>> is_image_path("shelf/IMG_1.JPG"), is_image_path("notes.txt")
    (True, False)
    """
    return Path(path).suffix.lower() in IMAGE_SUFFIXES


def why_unidentified(data: bytes) -> str:
    """Why no decoder wanted these bytes, in plain words.

    >>> why_unidentified(b"%PDF-1.7")
    'is a PDF document: convert it to JPEG or PNG (JPEG, PNG, WebP, BMP, TIFF and GIF can be read)'
    """
    if data.startswith(_READABLE_MAGIC):
        return f"its header is damaged or describes a variant that cannot be read: save it again as one of {READABLE}"
    kind = _other_kind(data)
    if kind is None:
        return f"is not an image of a format that can be read ({READABLE})"
    return f"is {kind}: convert it to JPEG or PNG ({READABLE} can be read)"


def _other_kind(data: bytes) -> str | None:
    start = data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    if data[4:8] == b"ftyp":
        return "a HEIC or AVIF image" if data[8:12].startswith(_HEIF_BRANDS) else "a video"
    return next((kind for magic, kind in _OTHER_MAGIC if start.startswith(magic)), None)
