"""Cache files are whole or refused."""

import os
import time

import numpy as np
import pytest

from util.vector_store.embedded.cache_file import CacheUnusableError, CacheWriter, open_cache

NUMBERS = np.arange(3000, dtype=np.float32).reshape(100, 30)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "deep" / "space-1.vectors"
    with CacheWriter(path) as writer:
        with writer.section("numbers"):
            for start in range(0, 100, 7):
                writer.write(NUMBERS[start : start + 7])
        with writer.section("bytes"):
            writer.write(b"abc")
        with writer.section("nothing"):
            writer.write(b"")
            writer.write(NUMBERS[:0])
        writer.finish({"change": 3, "text": "ü"})
    return path


def test_what_was_written_is_read(path):
    cache = open_cache(path)
    assert cache.header == {"change": 3, "text": "ü"}
    np.testing.assert_array_equal(cache.sections["numbers"].view(np.float32).reshape(100, 30), NUMBERS)
    assert bytes(cache.sections["bytes"]) == b"abc"
    assert len(cache.sections["nothing"]) == 0
    with path.open("rb") as file:
        file.seek(cache.offsets["bytes"])
        assert file.read(3) == b"abc"
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_sections_begin_at_pages_and_cannot_be_written_to(path):
    cache = open_cache(path)
    assert all(offset % 4096 == 0 for offset in cache.offsets.values())
    with pytest.raises(ValueError, match="read-only"):
        cache.sections["bytes"][0] = 1


def test_sections_outlive_the_file(path):
    section = open_cache(path).sections["numbers"]
    path.unlink()
    np.testing.assert_array_equal(section.view(np.float32), NUMBERS.ravel())


def test_a_file_cut_off_anywhere_is_refused(path):
    whole = path.read_bytes()
    for length in [0, 1, 14, 15, 40, 4096, 4100, len(whole) // 2, *range(len(whole) - 60, len(whole))]:
        path.write_bytes(whole[:length])
        with pytest.raises(CacheUnusableError, match=path.name):
            open_cache(path)


def test_any_changed_byte_that_matters_is_noticed(path):
    whole = bytearray(path.read_bytes())
    cache = open_cache(path)
    matters = [
        place
        for name, section in cache.sections.items()
        for place in range(cache.offsets[name], cache.offsets[name] + len(section), 97)
    ] + list(range(cache.offsets["bytes"] + 3 + 4096, len(whole)))
    for place in matters:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        with pytest.raises(CacheUnusableError):
            open_cache(path)


@pytest.mark.parametrize("content", [b"\0" * 8192, b"SQLite format 3\0" * 600])
def test_other_files_are_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(CacheUnusableError):
        open_cache(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(CacheUnusableError):
            open_cache(path)


def test_an_unfinished_file_leaves_the_old_one_and_no_draft(path):
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="stop"), CacheWriter(path) as writer, writer.section("numbers"):
        writer.write(NUMBERS)
        raise RuntimeError("stop")
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_drafts_of_killed_writers_are_removed_after_a_while(path):
    old, young = (path.with_name(f"{path.name}.{name}.tmp") for name in ("1-aa", "2-bb"))
    other = path.with_name("space-2.vectors.1-aa.tmp")
    for draft in (old, young, other):
        draft.write_bytes(b"half")
        if draft is not young:
            os.utime(draft, (time.time() - 7200,) * 2)
    with CacheWriter(path) as writer:
        writer.finish({})
    assert not old.exists()
    assert young.exists()
    assert other.exists()
