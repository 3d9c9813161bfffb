"""Copies of spaces: complete, resumed, verified, or refused."""

import numpy as np
import pytest

from util.errors import (
    DimensionMismatchError,
    FingerprintMismatchError,
    InvalidInputError,
    SpaceNotFoundError,
    StoreError,
    StoreUnavailableError,
)
from util.records import SpaceInfo, unit_rows
from util.search.content import checksum_of
from util.search.copying import INCOMPLETE, copy_space, differences, verify_copy
from util.vector_store import open_store

COUNT, DIMENSION, FINGERPRINT = 50, 8, "f" * 64
IDS = [f"{n:02}/ü.jpg" for n in range(COUNT)]
ROWS = np.vstack(
    [unit_rows(np.random.default_rng(0).standard_normal((COUNT - 1, DIMENSION))), np.zeros((1, DIMENSION))]
)
ROWS = ROWS.astype(np.float32)
ATTRIBUTES = {"calibration": {"threshold": 0.75}, "note": "früh"}


@pytest.fixture(params=["embedded:{}/source", "qdrant+local:{}/source"])
def source(request, tmp_path):
    with open_store(request.param.format(tmp_path)) as store:
        fill(store)
        yield store


@pytest.fixture(params=["embedded:{}/target", "qdrant+local::memory:"])
def target(request, tmp_path):
    with open_store(request.param.format(tmp_path)) as store:
        yield store


def fill(store, name="s", **properties):
    values = {"extractor": "e", "dimension": DIMENSION, "fingerprint": FINGERPRINT, "recipe": "resize=4"} | properties
    store.create_space(SpaceInfo(name, **values, attributes=ATTRIBUTES))
    metadata = [{"n": n, "price": n / 3, "big": 2**60 + n, "tags": ["ü"], "none": None} for n in range(COUNT)]
    store.upsert(name, IDS, ROWS, metadata, fingerprint=FINGERPRINT)


def dump(store, space):
    return {
        id_: (row.tobytes(), dict(metadata), [type(value) for value in metadata.values()])
        for batch in store.iterate(space)
        for id_, row, metadata in zip(batch.ids, batch.vectors, batch.metadata, strict=True)
    }


class Failing:
    """A store that goes away after some batches."""

    def __init__(self, store, batches):
        self._store, self._batches = store, batches

    def __getattr__(self, name):
        return getattr(self._store, name)

    def upsert(self, *arguments, **options):
        if not self._batches:
            raise StoreUnavailableError("gone")
        self._batches -= 1
        self._store.upsert(*arguments, **options)


def test_everything_is_copied_and_counted(source, target):
    told = []
    done = copy_space(source, "s", target, batch_size=20, progress=lambda *now: told.append(now))
    assert (done.space, done.target, done.images, done.written, done.skipped) == ("s", "s", COUNT, COUNT, 0)
    assert dump(target, "s") == dump(source, "s")
    assert target.info("s") == source.info("s")
    assert dict(target.info("s").attributes) == ATTRIBUTES
    assert done.checksum == checksum_of(target, "s").hexdigest()
    assert told == [(20, 100), (40, 100), (50, 100), (70, 100), (90, 100), (100, 100)]


def test_a_second_time_writes_nothing(source, target):
    first = copy_space(source, "s", target)
    second = copy_space(source, "s", target)
    assert (second.written, second.skipped, second.checksum) == (0, COUNT, first.checksum)


def test_a_copy_broken_off_goes_on_where_it_stopped(source, target):
    with pytest.raises(StoreUnavailableError):
        copy_space(source, "s", Failing(target, 3), batch_size=8)
    half = target.info("s")
    assert half.count == 24
    assert dict(half.attributes) == {INCOMPLETE: True}
    done = copy_space(source, "s", target, batch_size=10)
    assert (done.written, done.skipped) == (26, 24)
    assert dict(target.info("s").attributes) == ATTRIBUTES


def test_what_has_changed_is_written_again(source, target):
    copy_space(source, "s", target)
    source.upsert("s", IDS[:2], ROWS[:2], [{"n": 0.0}, {"n": 1}], fingerprint=FINGERPRINT)
    source.upsert("s", IDS[2:3], ROWS[3:4], [{}], fingerprint=FINGERPRINT)
    source.annotate("s", {"note": None, "other": 1})
    done = copy_space(source, "s", target)
    assert (done.written, done.skipped) == (3, COUNT - 3)
    assert dump(target, "s") == dump(source, "s")
    assert target.info("s") == source.info("s")


def test_an_empty_space_is_copied(target):
    with open_store("embedded::memory:") as source:
        source.create_space(SpaceInfo("s", "e", DIMENSION, FINGERPRINT))
        assert copy_space(source, "s", target).images == 0
    assert target.info("s").count == 0


def test_within_a_store_under_another_name(source):
    assert copy_space(source, "s", source, name="copy").written == COUNT
    assert dump(source, "copy") == dump(source, "s")
    with pytest.raises(InvalidInputError, match="onto itself"):
        copy_space(source, "s", source)


def test_extra_images_in_the_copy_are_named(source, target):
    fill(target)
    extra = [f"extra {n}" for n in range(9)]
    target.upsert("s", extra, ROWS[:9], [{}] * 9, fingerprint=FINGERPRINT)
    with pytest.raises(StoreError, match=r"59 images.*50 images.*'extra 0' is only in the copy;.*…"):
        copy_space(source, "s", target)
    assert INCOMPLETE in target.info("s").attributes


@pytest.mark.parametrize(
    ("properties", "error"),
    [({"fingerprint": "0" * 64}, FingerprintMismatchError), ({"dimension": 9}, DimensionMismatchError)],
)
def test_a_space_of_something_else_is_not_copied_onto(source, target, properties, error):
    values = {"dimension": DIMENSION, "fingerprint": FINGERPRINT} | properties
    target.create_space(SpaceInfo("s", "e", **values, attributes={"mine": 1}))
    for step in (copy_space, verify_copy):
        with pytest.raises(error):
            step(source, "s", target)
    assert target.info("s").count == 0
    assert dict(target.info("s").attributes) == {"mine": 1}


def test_a_space_that_is_not_there_is_said(source, target):
    with pytest.raises(SpaceNotFoundError, match="nothing"):
        copy_space(source, "nothing", target)
    with pytest.raises(SpaceNotFoundError):
        verify_copy(source, "s", target)
    assert target.list_spaces() == []


def test_verifying_writes_nothing_and_finds_any_difference(source, target):
    copy_space(source, "s", target, name="copy")
    told = []
    done = verify_copy(source, "s", target, name="copy", progress=lambda *now: told.append(now))
    assert (done.images, done.written, done.skipped) == (COUNT, 0, COUNT)
    assert told[-1] == (2 * COUNT, 2 * COUNT)
    target.delete("copy", ids=[IDS[7]])
    target.upsert("copy", [IDS[9]], ROWS[:1], [{}], fingerprint=FINGERPRINT)
    target.upsert("copy", ["zz"], ROWS[:1], [{}], fingerprint=FINGERPRINT)
    before = dump(target, "copy")
    with pytest.raises(StoreError, match=r"'07/ü.jpg' is missing; '09/ü.jpg' is another; 'zz' is only in the copy\."):
        verify_copy(source, "s", target, name="copy")
    assert dump(target, "copy") == before
    assert len(list(differences(source, "s", target, "copy"))) == 3
    copied = copy_space(source, "s", target, name="other")
    assert copied.written == COUNT
