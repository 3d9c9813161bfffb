"""Downloads against a server on this machine: resumed, checked, unpacked, and what is said when that fails."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import shutil
import stat
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from util.datasets import fetch, read_dataset
from util.datasets.archives import unpack
from util.datasets.cifar10 import unpack_cifar10
from util.datasets.git_tree import tree_id
from util.datasets.public_sets import PUBLIC_SETS, PublicSet, Source, list_flowers
from util.datasets.transfer import download
from util.errors import DatasetError, DownloadError, InvalidInputError
from util.images import read_image


class FileServer(ThreadingHTTPServer):
    """Serves ``files``; can break off in the middle, ignore ranges, or be out of order for a while."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.break_after: int | None = None
        self.ranges = True
        self.failures: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Requests(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.asked.append(wanted)
        if self.server.failures:
            self.send_error(self.server.failures.pop(0))
            return
        body = self.server.files.get(self.path.lstrip("/"))
        if body is None:
            self.send_error(404)
            return
        start = int(re.match(r"bytes=(\d+)-", wanted)[1]) if wanted and self.server.ranges else 0
        if start and start >= len(body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        stop = len(body) if self.server.break_after is None else min(len(body), start + self.server.break_after)
        self.wfile.write(body[start:stop])

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


BODY = np.random.default_rng(0).bytes(1_000_000)
SHA = f"sha256:{hashlib.sha256(BODY).hexdigest()}"


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(server, tmp_path):
    server.files["set.bin"], server.break_after = BODY, 300_000
    seen = []
    download(f"{server.url}/set.bin", tmp_path / "set.bin", digest=SHA, progress=lambda *told: seen.append(told))
    assert (tmp_path / "set.bin").read_bytes() == BODY
    starts = [int(asked.removeprefix("bytes=").removesuffix("-") or 0) for asked in server.asked]
    assert starts[0] == 0
    assert all(200_000 < later - earlier <= 300_000 for earlier, later in pairwise(starts))
    assert seen[-1] == (1_000_000, 1_000_000)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert [path.name for path in tmp_path.iterdir()] == ["set.bin"]


def test_an_earlier_run_is_continued(server, tmp_path):
    server.files["set.bin"] = BODY
    (tmp_path / "set.bin.part").write_bytes(BODY[:123_456])
    download(f"{server.url}/set.bin", tmp_path / "set.bin", digest=SHA)
    assert server.asked == ["bytes=123456-"]
    assert (tmp_path / "set.bin").read_bytes() == BODY


def test_a_complete_part_is_taken_as_it_is(server, tmp_path):
    server.files["set.bin"] = BODY
    (tmp_path / "set.bin.part").write_bytes(BODY)
    download(f"{server.url}/set.bin", tmp_path / "set.bin", digest=SHA)
    assert (tmp_path / "set.bin").read_bytes() == BODY


@pytest.mark.parametrize("ranges", [True, False])
def test_a_part_that_does_not_fit_is_fetched_anew(server, tmp_path, ranges):
    server.files["set.bin"], server.ranges = BODY, ranges
    (tmp_path / "set.bin.part").write_bytes(b"x" * (len(BODY) + 5))
    download(f"{server.url}/set.bin", tmp_path / "set.bin", digest=SHA)
    assert (tmp_path / "set.bin").read_bytes() == BODY


def test_a_busy_server_is_asked_again(server, tmp_path):
    server.files["set.bin"], server.failures = BODY, [503]
    download(f"{server.url}/set.bin", tmp_path / "set.bin", digest=SHA)
    assert len(server.asked) == 2


def test_a_file_put_there_by_hand_needs_no_network(tmp_path):
    (tmp_path / "set.bin").write_bytes(BODY)
    download("http://127.0.0.1:9/set.bin", tmp_path / "set.bin", digest=SHA)
    (tmp_path / "set.bin").write_bytes(b"something else")
    with pytest.raises(DownloadError, match="the published one has"):
        download("http://127.0.0.1:9/set.bin", tmp_path / "set.bin", digest=SHA)
    assert (tmp_path / "set.bin").exists()  # what a person put there is not removed


def test_a_wrong_file_is_not_kept(server, tmp_path):
    server.files["set.bin"] = BODY[:-1]
    with pytest.raises(DownloadError, match=f"put it at {tmp_path}/set.bin"):
        download(f"{server.url}/set.bin", tmp_path / "set.bin", digest=SHA)
    assert not list(tmp_path.iterdir())


def test_failures_name_the_address_and_the_place_for_the_file(server, tmp_path):
    with pytest.raises(DownloadError, match=rf"{server.url}/gone: the server answers 404.*put it at {tmp_path}/x"):
        download(f"{server.url}/gone", tmp_path / "x")


def test_a_server_that_sends_nothing_is_given_up(server, tmp_path):
    server.files["set.bin"], server.break_after = BODY, 0
    with pytest.raises(DownloadError, match="the connection broke off"):
        download(f"{server.url}/set.bin", tmp_path / "set.bin")
    assert len(server.asked) == 1


def test_a_server_that_is_not_there_is_asked_once(tmp_path):
    with pytest.raises(DownloadError, match="http://127.0.0.1:9/set.bin: cannot be reached"):
        download("http://127.0.0.1:9/set.bin", tmp_path / "set.bin")


def _zip(files: dict[str, bytes], *, links: tuple[str, ...] = ()) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
        for name in links:
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
    return packed.getvalue()


def _tar(files: dict[str, bytes], *, links: tuple[str, ...] = (), mode: str = "w:gz") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
        for name in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)
    return packed.getvalue()


@pytest.mark.parametrize("pack", [_zip, _tar, lambda files: _tar(files, mode="w:xz")])
def test_archives_unpack(tmp_path, pack):
    (tmp_path / "set").write_bytes(pack({"a/1.txt": b"one", "a/b/2.txt": b"two"}))
    (tmp_path / "out").mkdir()
    unpack(tmp_path / "set", tmp_path / "out", max_bytes=6)
    assert {
        str(path.relative_to(tmp_path / "out")): path.read_bytes() for path in (tmp_path / "out").rglob("*.txt")
    } == {
        "a/1.txt": b"one",
        "a/b/2.txt": b"two",
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (_zip({"../evil": b"x"}), "'../evil', which leads outside"),
        (_tar({"../evil": b"x"}), "'../evil', which leads outside"),
        (_zip({"/evil": b"x"}), "leads outside"),
        (_tar({"/evil": b"x"}), "leads outside"),
        (_zip({"a\\..\\..\\evil": b"x"}), "leads outside"),
        (_zip({"C:/evil": b"x"}), "leads outside"),
        (_zip({}, links=("evil",)), "'evil' is a link or device"),
        (_tar({}, links=("evil",)), "'evil' is a link or device"),
        (_zip({"big": bytes(10_000)}), "more than 5000 bytes"),
        (_tar({"big": bytes(10_000)}), "more than 5000 bytes"),
        (_tar({"a": b"x", "a/b": b"y"}), "cannot be unpacked"),
        (_tar({"a": BODY[:4000]})[:-2000], "cannot be unpacked"),
        (_zip({"a": BODY[:4000]}).replace(BODY[100:110], b"0123456789"), "cannot be unpacked"),
        (b"<html>not found</html>", "cannot be unpacked"),
        (b"", "cannot be unpacked"),
    ],
    ids=lambda value: value if isinstance(value, str) else "archive",
)
def test_archives_that_are_refused(tmp_path, body, message):
    (tmp_path / "set").write_bytes(body)
    (tmp_path / "out").mkdir()
    with pytest.raises(DatasetError, match=re.escape(message)):
        unpack(tmp_path / "set", tmp_path / "out", max_bytes=5000)
    assert {path.name for path in tmp_path.iterdir()} == {"set", "out"}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_tree_id_is_gits(tmp_path):
    for name in ("b.txt", "b/1.txt", "b-c/2.txt", "a/deep/3.txt", ".hidden"):
        path = tmp_path / "set" / name.replace("b/", "b0/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "set" / "empty" / "emptier").mkdir(parents=True)
    git = ["git", "-C", str(tmp_path / "set")]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "-c", "core.autocrlf=false", "add", "."], check=True)
    expected = subprocess.run([*git, "write-tree"], check=True, capture_output=True, text=True).stdout.strip()
    (tmp_path / "set" / ".git").rename(tmp_path / "git")
    assert tree_id(tmp_path / "set") == expected


def _small_set(server: FileServer, **changes: object) -> dict[str, PublicSet]:
    server.files["set.zip"] = _zip({"repo-1/data/list.csv": b"file,class\na.jpg,milk\n", "repo-1/data/a.jpg": b"a"})
    source = Source(f"{server.url}/set.zip", "set.zip")
    return {"small": replace(PublicSet((source,), "repo-*/data", "", 10_000), **changes)}


def test_fetched_sets_can_be_read(server, tmp_path):
    sets = _small_set(server)
    folder = fetch("small", tmp_path, sets=sets)
    assert folder == tmp_path / "small"
    assert [record.item for record in read_dataset(folder / "list.csv")] == ["milk"]
    asked = len(server.asked)
    assert fetch("small", tmp_path, sets=sets) == folder
    assert len(server.asked) == asked
    assert sorted(path.name for path in tmp_path.iterdir()) == ["downloads", "small"]
    assert not list((tmp_path / "downloads").iterdir())


def test_an_archive_put_there_by_hand_is_used_and_stays(server, tmp_path):
    sets = _small_set(server)
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "set.zip").write_bytes(server.files.pop("set.zip"))
    assert (fetch("small", tmp_path, sets=sets) / "a.jpg").read_bytes() == b"a"
    assert (tmp_path / "downloads" / "set.zip").exists()
    assert not server.asked


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tree": "0" * 40}, "not the published ones"),
        ({"folder": "elsewhere"}, "holds no folder elsewhere"),
        ({"max_bytes": 3}, "unpacks to more than 3 bytes"),
    ],
)
def test_a_set_that_is_not_the_published_one_does_not_appear(server, tmp_path, changes, message):
    with pytest.raises(DatasetError, match=message):
        fetch("small", tmp_path, sets=_small_set(server, **changes))
    assert [path.name for path in tmp_path.iterdir()] == ["downloads"]


def test_unknown_names_list_the_known_ones(tmp_path):
    with pytest.raises(InvalidInputError, match="'cars'; there are cifar10, flowers102, grocery"):
        fetch("cars", tmp_path)


@pytest.mark.slow  # the names of the flowers come from torchvision, which is slow to import
def test_flowers_become_a_list(tmp_path):
    (tmp_path / "jpg").mkdir()
    for number in (1, 2, 3):
        (tmp_path / "jpg" / f"image_{number:05d}.jpg").write_text("x")
    savemat(tmp_path / "imagelabels.mat", {"labels": np.array([[77, 1, 102]], np.uint8)})
    savemat(tmp_path / "setid.mat", {"trnid": [[3]], "valid": [[1]], "tstid": [[2]]})
    list_flowers(tmp_path)
    records = read_dataset(tmp_path)
    assert [(record.id, record.item, record.metadata["part"]) for record in records] == [
        ("jpg/image_00001.jpg", "passion flower", "val"),
        ("jpg/image_00002.jpg", "pink primrose", "test"),
        ("jpg/image_00003.jpg", "blackberry lily", "train"),
    ]
    (tmp_path / "setid.mat").write_bytes(b"no MATLAB file")
    with pytest.raises(DatasetError, match="MATLAB files"):
        list_flowers(tmp_path)


@pytest.mark.slow  # torchvision is slow to import
def test_cifar10_becomes_folders_of_pictures(tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR10

    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (3, 3072), np.uint8)
    batches = {"data_batch_1": [3, 0, 9], "test_batch": [1, 1, 2]}
    folder = tmp_path / "cifar10" / CIFAR10.base_folder
    folder.mkdir(parents=True)
    for name, labels in batches.items():
        (folder / name).write_bytes(pickle.dumps({"data": pixels, "labels": labels}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class {n}" for n in range(10)]}))

    def digest(name):
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    with pytest.raises(DatasetError, match="not those of CIFAR-10"):
        unpack_cifar10(tmp_path / "cifar10")
    monkeypatch.setattr(CIFAR10, "train_list", [digest("data_batch_1")])
    monkeypatch.setattr(CIFAR10, "test_list", [digest("test_batch")])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": digest("batches.meta")[1]})
    unpack_cifar10(tmp_path / "cifar10")
    records = {record.id: record for record in read_dataset(tmp_path / "cifar10" / "train")}
    assert {name: record.item for name, record in records.items()} == {
        "class 3/00000.png": "class 3", "class 0/00001.png": "class 0", "class 9/00002.png": "class 9"
    }  # fmt: skip
    expected = pixels[2].reshape(3, 32, 32).transpose(1, 2, 0)
    np.testing.assert_array_equal(read_image(records["class 9/00002.png"].path), expected)
    assert len(read_dataset(tmp_path / "cifar10" / "test")) == 3
    assert not folder.exists()


GROCERY = Path("../shared/data/grocery")


@pytest.mark.skipif(not GROCERY.exists(), reason="the Grocery data set is not beside the repository")
def test_grocery_parts_are_those_whose_checksum_is_asked_for():
    """The ids of two folders in the published commit, as git shows them; the whole is ``PUBLIC_SETS``'s."""
    assert tree_id(GROCERY / "train") == "4288d50a396c36401f91162f4175897440cd5774"
    assert tree_id(GROCERY / "val") == "41196f684fa66fcdf4bdc05798cc4b15c86b0956"
    assert len(PUBLIC_SETS["grocery"].tree) == 40
