"""Paths: what is read, what is refused, and that nothing waits."""

import hashlib
import os
import socket

import numpy as np
import pytest

from util.errors import ImageError, ImageTooLargeError
from util.images import ImageLimits, content_hash, is_image_path, read_bytes, read_image


@pytest.fixture
def png(tmp_path, photo, encode):
    path = tmp_path / "bottle no. 1 ä.png"
    path.write_bytes(encode(photo, "PNG"))
    return path


def test_path_and_text_are_the_same(png, photo):
    np.testing.assert_array_equal(read_image(png), photo)
    np.testing.assert_array_equal(read_image(str(png)), photo)
    assert read_bytes(png) == png.read_bytes()
    assert content_hash(read_bytes(png)) == hashlib.sha256(png.read_bytes()).hexdigest()


def test_the_suffix_does_not_matter(png, photo, tmp_path):
    wrong = png.rename(tmp_path / "really.jpg")
    np.testing.assert_array_equal(read_image(wrong), photo)


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "shelf.jpg"
    path.write_bytes(b"no image at all")
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert caught.value.source == str(path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: path.touch(), "file is empty"),
        (lambda path: os.mkfifo(path), "a pipe, socket or device"),
        (lambda path: path.symlink_to("/dev/zero"), "a pipe, socket or device"),
        (lambda path: path.symlink_to(path), "cannot be read"),
    ],
    ids=["missing", "directory", "empty", "pipe", "device", "link to itself"],
)
def test_what_is_no_file(tmp_path, make, reason):
    path = tmp_path / "thing.jpg"
    make(path)
    for read in (read_bytes, read_image):
        with pytest.raises(ImageError, match=reason) as caught:
            read(path)
        assert caught.value.source == str(path)


def test_a_socket_is_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.jpg")
        with pytest.raises(ImageError):
            read_bytes("s.jpg")


@pytest.mark.parametrize("path", ["a\0b.jpg", "x" * 5000 + ".jpg", "", "a/" * 3000])
def test_names_that_no_file_can_have(path):
    with pytest.raises(ImageError):
        read_image(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(png):
    png.chmod(0)
    with pytest.raises(ImageError, match="Permission denied"):
        read_image(png)


def test_byte_limit_is_checked_before_reading(tmp_path):
    path = tmp_path / "huge.tiff"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a sparse file of a terabyte: reading it would not end well
    with pytest.raises(ImageTooLargeError, match="1,099,511,627,776 bytes"):
        read_bytes(path)
    with pytest.raises(ImageTooLargeError):
        read_image(path)


def test_byte_limit_is_exact(png):
    size = png.stat().st_size
    assert len(read_bytes(png, limits=ImageLimits(max_bytes=size))) == size
    with pytest.raises(ImageTooLargeError):
        read_bytes(png, limits=ImageLimits(max_bytes=size - 1))


@pytest.mark.parametrize(
    "name", ["a.JPG", "a.jpeg", "b.Png", "c.webp", "d.bmp", "e.tif", "f.TIFF", "g.gif", "x/y.jfif"]
)
def test_image_names(name):
    assert is_image_path(name)


@pytest.mark.parametrize("name", ["a", "jpg", ".jpg", "a.heic", "a.mp4", "a.jpg.txt", "a.jpg~", "clip.mp4#frame=3"])
def test_other_names(name):
    assert not is_image_path(name)
