"""What was learned is kept by content, in memory and on disk."""

import numpy as np
import pytest

from util.errors import InvalidInputError
from util.rerank import build_reranker
from util.rerank._cache import ArrayCache
from util.rerank.base import Gallery


class Counted:
    """Makes an array and counts how often."""

    def __init__(self):
        self.times = 0

    def __call__(self):
        self.times += 1
        return {"values": np.arange(5), "empty": np.empty((0, 3), np.float32)}


def test_is_made_once_a_key():
    cache, make = ArrayCache(), Counted()
    assert cache.get_or_make(("a", 1), make) is cache.get_or_make(("a", 1), make)
    cache.get_or_make(("a", "1"), make)
    assert make.times == 2


def test_the_one_asked_for_longest_ago_goes_first():
    cache, make = ArrayCache(entries=2, held_bytes=0), Counted()
    for key in ("a", "b", "a", "c", "a", "b"):
        cache.get_or_make((key,), make)
    assert make.times == 4  # a, b, c, and b again


def test_small_ones_are_held_as_long_as_their_bytes_fit():
    cache, make = ArrayCache(entries=1, held_bytes=2 * 5 * 8), Counted()
    for key in ("a", "b", "a", "b", "c", "b", "a"):  # a falls out when c comes
        cache.get_or_make((key,), make)
    assert make.times == 4


def test_of_large_entries_of_a_kind_the_two_asked_for_last_stay():
    cache, make = ArrayCache(entries=9, held_bytes=0), Counted()
    for number in (1, 2, 1, 3, 1, 3):
        cache.get_or_make(("of a kind", number), make, kind=("neighbours",))
    cache.get_or_make(("another",), make, kind=("walks",))
    assert make.times == 4
    assert len(cache.of_kind(("neighbours",))) == 2
    cache.get_or_make(("of a kind", 2), make, kind=("neighbours",))
    assert make.times == 5


def test_small_entries_of_a_kind_all_stay():
    cache, make = ArrayCache(entries=2), Counted()
    for number in (1, 2, 3, 4, 1, 2):
        cache.get_or_make((number,), make, kind=("neighbours",))
    assert make.times == 4


def test_a_folder_outlasts_the_process(tmp_path):
    make = Counted()
    ArrayCache(tmp_path / "new").get_or_make(("a",), make)
    again = ArrayCache(tmp_path / "new").get_or_make(("a",), make)
    assert make.times == 1
    np.testing.assert_array_equal(again["values"], np.arange(5))
    assert again["empty"].shape == (0, 3)
    assert [path.suffix for path in (tmp_path / "new").iterdir()] == [".npz"]


@pytest.mark.parametrize("damage", [b"", b"not a zip file", "half"])
def test_a_damaged_file_is_made_anew(tmp_path, damage):
    make = Counted()
    ArrayCache(tmp_path).get_or_make(("a",), make)
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if damage == "half" else damage)
    np.testing.assert_array_equal(ArrayCache(tmp_path).get_or_make(("a",), make)["values"], np.arange(5))
    assert make.times == 2


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path):
    class Odd:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("no array")

    with pytest.raises(RuntimeError, match="no array"):
        ArrayCache(tmp_path).get_or_make(("a",), lambda: {"values": Odd()})
    assert list(tmp_path.iterdir()) == []


def test_refuses_no_room():
    with pytest.raises(InvalidInputError, match="at least 1 entry"):
        ArrayCache(entries=0)
    with pytest.raises(InvalidInputError, match="-1 bytes"):
        ArrayCache(held_bytes=-1)


@pytest.mark.parametrize("text", ["dba", "aqe_concat", "k_reciprocal", "diffusion", "qge"])
def test_a_re_ranker_learns_a_gallery_once_and_another_one_anew(drawn, tmp_path, text):
    queries = drawn(0)
    first = build_reranker(text, cache_dir=tmp_path)
    first.fit(queries.gallery)
    learned = sorted(tmp_path.iterdir())
    answered = build_reranker(text, cache_dir=tmp_path)(queries)
    assert sorted(tmp_path.iterdir()) == learned
    assert [result.ids for result in answered.results] == [result.ids for result in first(queries).results]
    other = Gallery(queries.gallery.ids, np.roll(queries.gallery.vectors, 1, axis=0))
    first.fit(other)
    assert len(list(tmp_path.iterdir())) == 2 * len(learned)


def test_the_digest_names_ids_vectors_and_fingerprint():
    vectors = np.eye(2, dtype=np.float32)
    digests = {
        Gallery(("a", "b"), vectors).digest,
        Gallery(("a", "c"), vectors).digest,
        Gallery(("a", "b"), vectors[::-1]).digest,
        Gallery(("a", "b"), vectors, "other").digest,
        Gallery(("a", "b"), vectors).with_vectors(vectors, how="x").digest,
        Gallery(("a", "b"), vectors).with_vectors(vectors, how="y").digest,
    }
    assert len(digests) == 6
    assert Gallery(("a", "b"), vectors.copy()).digest in digests
