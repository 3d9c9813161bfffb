"""``kill -9`` half-way through a copy: the next one goes on where it stopped, and ends with an equal copy."""

import random
import signal
import subprocess
import sys

import numpy as np
import pytest

from util.records import SpaceInfo, unit_rows
from util.search.copying import INCOMPLETE, copy_space, verify_copy
from util.vector_store import open_store

IMAGES, BATCH, KILLS = 300, 10, 5

COPY = """
import sys
from util.search.copying import copy_space
from util.vector_store import open_store

def tell(done, total):
    print(done, flush=True)

with open_store(sys.argv[1]) as source, open_store(sys.argv[2]) as target:
    copy_space(source, "s", target, batch_size=int(sys.argv[3]), progress=tell)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> str:
    url = f"embedded:{tmp_path_factory.mktemp('source') / 'nearid.db'}"
    rows = unit_rows(np.random.default_rng(0).standard_normal((IMAGES, 32)))
    with open_store(url) as store:
        store.create_space(SpaceInfo("s", "e", 32, "f", attributes={"calibration": {"threshold": 0.5}}))
        metadata = [{"n": n, "item": f"item {n % 9}"} for n in range(IMAGES)]
        store.upsert("s", [f"{n:04}.jpg" for n in range(IMAGES)], rows, metadata, fingerprint="f")
    return url


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["embedded", "qdrant+local"])
def test_killed_again_and_again(source, tmp_path, kind):
    url = f"{kind}:{tmp_path / 'target'}"
    rng = random.Random(3)
    confirmed = 0
    for kill in range(KILLS):
        confirmed = copy_until_killed(source, url, at_least=(kill + 1) * IMAGES // (KILLS + 1), rng=rng)
        with open_store(url) as target:
            info = target.info("s")
            assert confirmed <= info.count < IMAGES
            assert dict(info.attributes) == {INCOMPLETE: True}
    with open_store(source) as ours, open_store(url) as theirs:
        there = theirs.count("s")
        done = copy_space(ours, "s", theirs, batch_size=BATCH)
        assert (done.images, done.written, done.skipped) == (IMAGES, IMAGES - there, there)
        assert verify_copy(ours, "s", theirs).checksum == done.checksum
        assert theirs.info("s").attributes == ours.info("s").attributes


def copy_until_killed(source: str, url: str, *, at_least: int, rng: random.Random) -> int:
    """Starts a copy and kills it some moment after so many images were confirmed; says how many were."""
    process = subprocess.Popen(
        [sys.executable, "-c", COPY, source, url, str(BATCH)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    confirmed = 0
    for line in process.stdout:
        confirmed = int(line)
        if confirmed >= at_least:
            break
    try:
        process.wait(timeout=rng.random() * 0.005)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said
    return confirmed
