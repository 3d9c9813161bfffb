import os
import time

import pytest

from util.errors import ImageError, ImageTooLargeError
from util.images import ImageLimits
from vearch_plugin.bodies import UploadedFile
from vearch_plugin.errors import DeadlineExceededError
from vearch_plugin.schemas.requests import ImageSource
from vearch_plugin.sources import Named, SourceReader, all_failed


@pytest.fixture
def reader(tmp_path, png):
    root, other = tmp_path / "root", tmp_path / "other"
    (root / "shelf").mkdir(parents=True)
    other.mkdir()
    for place in (root / "shelf" / "a.png", root / "b #frame=1.png", other / "c.png", tmp_path / "secret.png"):
        place.write_bytes(png("red"))
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "out").symlink_to(tmp_path)
    (root / "inside.png").symlink_to(root / "shelf" / "a.png")
    (root / "loop").symlink_to(root / "loop")
    os.mkfifo(root / "pipe.png")
    (tmp_path / "rootless.png").write_bytes(png("red"))
    return SourceReader(
        (root.resolve(), other.resolve(), tmp_path / "missing"), ImageLimits(), False, time.monotonic() + 30
    )


@pytest.mark.parametrize("path", ["shelf/a.png", "./shelf/../shelf/a.png", "inside.png", "c.png", "b #frame=1.png"])
def test_files_below_a_root_are_read(reader, png, path):
    assert reader.read(ImageSource(path=path)).data == png("red")


def test_an_absolute_path_below_a_root_is_read(reader, tmp_path, png):
    read = reader.read(ImageSource(path=str(tmp_path / "root" / "shelf" / "a.png")))
    assert (read.data, read.path) == (png("red"), str(tmp_path / "root" / "shelf" / "a.png"))


@pytest.mark.parametrize(
    "path",
    [
        "../secret.png",
        "shelf/../../secret.png",
        "/etc/passwd",
        "/proc/self/environ",
        "link.png",
        "out/secret.png",
        "../rootless.png",
        "loop",
        "loop/a.png",
        "shelf",
        ".",
        "pipe.png",
        "a\0b.png",
        "missing.png",
        "~/secret.png",
        "x" * 4000,
        "file:///etc/passwd",
    ],
)
def test_nothing_else_is_and_all_refusals_read_alike(reader, path, tmp_path):
    with pytest.raises(ImageError) as refused:
        reader.read(ImageSource(path=path))
    assert refused.value.reason == "is no readable file below the folders that this service may read images from"
    assert str(tmp_path) not in str(refused.value)


def test_without_roots_no_file_is_read():
    with pytest.raises(ImageError):
        SourceReader((), ImageLimits(), True, time.monotonic() + 30).read(ImageSource(path=__file__))


def test_urls_are_refused_unless_allowed(reader):
    with pytest.raises(ImageError, match="fetches no URLs"):
        reader.read(ImageSource(url="https://example.org/a.png"))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/a.png",
        "http://[::1]/a.png",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://0.0.0.0/",
        "http://2130706433/",
        "http://localhost/",
        "http://user:password@127.0.0.1/",
        "http://",
        "https://[bad/",
    ],
)
def test_private_networks_are_refused_without_saying_what_is_there(url):
    reader = SourceReader((), ImageLimits(), True, time.monotonic() + 30)
    with pytest.raises(ImageError) as refused:
        reader.read(ImageSource(url=url))
    assert refused.value.reason == "cannot be fetched: it must be an image at a public http or https URL"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.org/a", "gopher://x/", "data:image/png;base64,AA"]
)
def test_only_http_is_fetched(url):
    with pytest.raises(ImageError, match="only http and https"):
        SourceReader((), ImageLimits(), True, time.monotonic() + 30).read(ImageSource(url=url))


def test_no_url_is_fetched_when_the_time_is_over():
    with pytest.raises(DeadlineExceededError):
        SourceReader((), ImageLimits(), True, time.monotonic()).read(ImageSource(url="http://example.org"))


def test_sizes_are_limited_before_anything_is_decoded(tmp_path, png):
    (tmp_path / "a.png").write_bytes(png("red"))
    reader = SourceReader((tmp_path,), ImageLimits(max_bytes=10), False, time.monotonic() + 30)
    for source in (UploadedFile("a", b"x" * 11), ImageSource(base64="A" * 20), ImageSource(path="a.png")):
        with pytest.raises(ImageTooLargeError):
            reader.read(source)


def test_a_request_none_of_whose_images_can_be_read_is_as_bad_as_they_are(reader):
    _, read, failed = reader.read_all([Named("a", UploadedFile("a", b"")), Named("b", ImageSource(base64="!"))])
    assert read == []
    assert (all_failed(failed).status, all_failed(failed).code) == (422, "image_unreadable")
    assert [one["name"] for one in all_failed(failed).detail["failed"]] == ["a", "b"]
