"""The checksum of a space depends on what it holds and on nothing else."""

import hashlib
import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.records import SpaceInfo, unit_rows
from util.search.content import ContentChecksum, checksum_of
from util.vector_store import open_store
from util.vector_store.base import StoredImages

ROWS = unit_rows(np.random.default_rng(0).standard_normal((20, 6)))
IMAGES = [(f"{n}/ü.jpg", ROWS[n], {"n": n, "item": "milk", "tags": ["a", "b"]}) for n in range(20)]


def stored(images):
    ids, rows, metadata = zip(*images, strict=True)
    return StoredImages(tuple(ids), np.array(rows, dtype=np.float32), tuple(metadata))


def checksum(images, *, size=7):
    made = ContentChecksum()
    for start in range(0, len(images), size):
        made.add(stored(images[start : start + size]))
    return made.hexdigest()


@given(st.permutations(range(20)), st.integers(1, 20))
def test_order_and_batches_do_not_matter(order, size):
    assert checksum([IMAGES[n] for n in order], size=size) == checksum(IMAGES)


def test_it_is_the_one_written_down():
    whole = 0
    for id_, row, metadata in IMAGES:
        digest = hashlib.sha256()
        text = json.dumps(metadata, sort_keys=True, separators=(",", ":"))
        for part in (id_.encode("utf-8"), struct.pack("<6f", *row), text.encode("ascii")):
            digest.update(struct.pack("<Q", len(part)) + part)
        whole += int.from_bytes(digest.digest(), "little")
    assert checksum(IMAGES) == format(whole % 2**256, "064x")


def with_last(id_=None, row=None, metadata=None):
    old_id, old_row, old_metadata = IMAGES[-1]
    last = (
        old_id if id_ is None else id_,
        old_row if row is None else row,
        old_metadata if metadata is None else metadata,
    )
    return [*IMAGES[:-1], last]


@pytest.mark.parametrize(
    "other",
    [
        IMAGES[:-1],
        [*IMAGES, ("more", ROWS[0], {})],
        [*IMAGES, IMAGES[0]],
        with_last(id_="19/u.jpg"),
        with_last(row=np.nextafter(ROWS[-1], 1)),
        with_last(row=-ROWS[-1]),
        with_last(metadata={"n": 19.0, "item": "milk", "tags": ["a", "b"]}),
        with_last(metadata={"n": 19, "item": "milk", "tags": ["b", "a"]}),
        with_last(metadata={"n": 19, "item": "milk", "tags": ["a", "b"], "more": None}),
        with_last(metadata={"n": "19", "item": "milk", "tags": ["a", "b"]}),
    ],
)
def test_any_difference_is_seen(other):
    assert checksum(other) != checksum(IMAGES)


def test_vectors_that_change_places_are_seen():
    swapped = [(IMAGES[0][0], ROWS[1], IMAGES[0][2]), (IMAGES[1][0], ROWS[0], IMAGES[1][2]), *IMAGES[2:]]
    assert checksum(swapped) != checksum(IMAGES)


def test_neither_the_order_of_fields_nor_the_sign_of_zero_is_a_difference():
    fields = dict(reversed(IMAGES[0][2].items()))
    zero = np.array([0, 1, 0, 0, 0, 0], dtype=np.float32)
    signed = np.array([-0.0, 1, 0, 0, -0.0, 0], dtype=np.float32)
    assert checksum([("a", zero, IMAGES[0][2])]) == checksum([("a", signed, fields)])


def test_no_images():
    assert ContentChecksum().hexdigest() == "0" * 64


@pytest.mark.parametrize("url", ["embedded::memory:", "qdrant+local::memory:"])
def test_a_space_has_the_checksum_of_its_images(url):
    told = []
    with open_store(url) as store:
        store.create_space(SpaceInfo("s", "e", 6, "f"))
        images = stored(IMAGES[::-1])
        store.upsert("s", images.ids, images.vectors, images.metadata, fingerprint="f")
        found = checksum_of(store, "s", batch_size=6, progress=lambda done, total: told.append((done, total)))
    assert (found.count, found.hexdigest()) == (20, checksum(IMAGES))
    assert told == [(6, 20), (12, 20), (18, 20), (20, 20)]
