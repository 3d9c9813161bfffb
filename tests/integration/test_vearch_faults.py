"""``nearid index`` into a Vearch that is away, slow, restarts or fails half-way: a clear report, then a whole space.

The command is a process of its own; the server speaks Vearch's interface on loopback (``tests/servers/vearch_wire``).
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from vearch_wire import Fault, VearchServer
from vearch_wire.faults import gateway_timeout

from util.vector_store import open_store

pytestmark = pytest.mark.slow

PHOTOS, BATCH = 60, 8
UPSERT = "/document/upsert"
SPACE = "space_color_5ftexture"


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    from PIL import Image

    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for n in range(PHOTOS):
        path = folder / f"item{n % 6}" / f"{n:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    return folder


@pytest.fixture
def server() -> Iterator[VearchServer]:
    server = VearchServer()
    yield server
    server.stop()


def index(server: VearchServer, photos: Path, *, timeout: float = 1.0, batch: int = BATCH) -> tuple[int, dict, str]:
    """Exit status, the JSON on standard output, standard error."""
    command = [sys.executable, "-c", "from util.cli import main; main()", "index", str(photos)]
    command += ["--store", f"{server.url}?timeout={timeout}", "--batch-size", str(batch), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stderr
    assert "cret" not in done.stdout + done.stderr, "a password was shown"
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def stored(server: VearchServer) -> list[str]:
    """Ids on the server, as it holds them."""
    space = server.cluster.databases.get("nearid", {}).get(SPACE)
    return [] if space is None else sorted(id_ for part in space.partitions for id_ in part)


def confirmed(server: VearchServer) -> int:
    """Images in the batches that reached the server."""
    return sum(len(body["documents"]) for body in server.sent(UPSERT) if body["space_name"] == SPACE)


def assert_complete(server: VearchServer, photos: Path, *, already: int) -> None:
    """Another run finds what is there and adds what is missing, and then all is there once."""
    server.faults, server.cluster.refuses = [], lambda id_, partition: None
    status, report, _ = index(server, photos)
    assert status == 0
    assert (report["skipped"], report["indexed"]) == (already, PHOTOS - already)
    with open_store(server.url) as store:
        ids = [id_ for batch in store.iterate("color_texture") for id_ in batch.ids]
        assert store.count("color_texture") == PHOTOS
    expected = sorted(str(path.relative_to(photos)) for path in photos.rglob("*.png"))
    assert ids == stored(server) == expected


def test_batches_are_twenty_times_fewer_than_images(server, photos):
    status, report, _ = index(server, photos, batch=64)
    assert (status, report["indexed"]) == (0, PHOTOS)
    written = [body for body in server.sent(UPSERT) if body["space_name"] == SPACE]
    assert len(written) * 20 <= PHOTOS


def test_a_server_that_is_away_is_named_in_one_line(server, photos):
    server.stop()
    status, _, said = index(server, photos, timeout=0.5)
    assert status == 1
    assert f"Vearch at {server.place} cannot be reached" in said
    assert "running" in said


def test_a_server_that_goes_away_half_way(server, photos):
    server.faults = [Fault(UPSERT, skips=3, times=10**6, status=0)]
    status, _, said = index(server, photos)
    assert status == 1
    assert "cannot be reached" in said
    assert len(stored(server)) == confirmed(server) == 2 * BATCH  # the first of three describes the space
    assert_complete(server, photos, already=2 * BATCH)


def test_a_server_that_restarts_is_waited_for(server, photos):
    def restart() -> None:
        while len(stored(server)) < 2 * BATCH:
            time.sleep(0.005)
        server.stop()
        time.sleep(0.5)
        server.start()

    restarting = threading.Thread(target=restart)
    restarting.start()
    status, report, _ = index(server, photos, timeout=20)
    restarting.join()
    assert (status, report["indexed"], report["failed"]) == (0, PHOTOS, [])
    assert_complete(server, photos, already=PHOTOS)


def test_a_slow_server_is_waited_for(server, photos):
    server.faults = [Fault("/document/", times=12, delay=0.2, spoil=lambda answer: answer)]
    status, report, _ = index(server, photos, timeout=5)
    assert (status, report["indexed"]) == (0, PHOTOS)


def test_a_server_that_is_too_slow_is_given_up(server, photos):
    server.faults = [Fault(UPSERT, skips=3, times=10**6, delay=3, spoil=lambda answer: answer)]
    status, _, said = index(server, photos, timeout=1.0)
    assert status == 1
    assert "does not answer within" in said
    time.sleep(3.2)  # what was sent may still be carried out
    assert_complete(server, photos, already=len(stored(server)))


def test_answers_that_are_lost_do_no_harm(server, photos):
    server.faults = [gateway_timeout(UPSERT, applied=True, times=2), Fault(UPSERT, applied=True, status=0, times=2)]
    status, report, _ = index(server, photos, timeout=10)
    assert (status, report["indexed"]) == (0, PHOTOS)
    assert_complete(server, photos, already=PHOTOS)


def test_a_batch_that_fails_by_half(server, photos):
    refused = [0]

    def refuses(id_: str, partition: int) -> str | None:
        if id_ == "color_texture":  # the description of the space
            return None
        refused[0] += 1
        return "partition_resource_exhausted:disk space not enough" if refused[0] > 2 * BATCH + 3 else None

    server.cluster.refuses = refuses
    status, _, said = index(server, photos)
    assert status == 1
    assert "3 of 8 images of a batch are written" in said
    assert "make room" in said
    assert len(stored(server)) == 2 * BATCH + 3
    assert_complete(server, photos, already=2 * BATCH + 3)
