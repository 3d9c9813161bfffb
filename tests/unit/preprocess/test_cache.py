import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from util.errors import InvalidInputError
from util.preprocess.cache import PreprocessCache
from util.preprocess.recipe import Recipe

RECIPE = Recipe.parse("square, resize=16")


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def never() -> np.ndarray:
    raise AssertionError("made although it was kept")


def test_what_was_made_comes_back_to_the_pixel(tmp_path):
    made = PreprocessCache(tmp_path).get_or_make("a" * 64, RECIPE, picture)
    np.testing.assert_array_equal(made, picture())
    np.testing.assert_array_equal(PreprocessCache(tmp_path).get_or_make("a" * 64, RECIPE, never), picture())


def test_another_file_or_recipe_is_another_entry(tmp_path):
    cache = PreprocessCache(tmp_path)
    cache.get_or_make("a" * 64, RECIPE, lambda: picture(1))
    np.testing.assert_array_equal(cache.get_or_make("b" * 64, RECIPE, lambda: picture(2)), picture(2))
    other = Recipe.parse("resize=16")
    np.testing.assert_array_equal(cache.get_or_make("a" * 64, other, lambda: picture(3)), picture(3))
    np.testing.assert_array_equal(cache.get_or_make("a" * 64, RECIPE, never), picture(1))


@pytest.mark.parametrize("damage", [b"", b"garbage", None], ids=["empty", "garbage", "cut off"])
def test_a_damaged_entry_is_made_again(tmp_path, damage):
    cache = PreprocessCache(tmp_path)
    cache.get_or_make("a" * 64, RECIPE, picture)
    path = cache.path_of("a" * 64, RECIPE)
    path.write_bytes(path.read_bytes()[:200] if damage is None else damage)
    np.testing.assert_array_equal(cache.get_or_make("a" * 64, RECIPE, picture), picture())
    np.testing.assert_array_equal(cache.get_or_make("a" * 64, RECIPE, never), picture())


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path):
    cache = PreprocessCache(tmp_path / "cache")
    (tmp_path / "cache").rmdir()
    (tmp_path / "cache").write_bytes(b"")  # a file where the folder was
    np.testing.assert_array_equal(cache.get_or_make("a" * 64, RECIPE, picture), picture())


def test_many_threads_at_once_agree(tmp_path):
    cache = PreprocessCache(tmp_path)
    start = threading.Barrier(8)

    def ask(number: int) -> np.ndarray:
        start.wait()
        return cache.get_or_make(f"{number % 2}" * 64, RECIPE, lambda: picture(number % 2))

    with ThreadPoolExecutor(8) as pool:
        for number, image in enumerate(pool.map(ask, range(8))):
            np.testing.assert_array_equal(image, picture(number % 2))
    assert not [name for _, _, names in os.walk(tmp_path) for name in names if not name.endswith(".png")]


def test_the_bound_deletes_what_was_unused_longest(tmp_path):
    unbounded = PreprocessCache(tmp_path)
    for number in range(6):
        unbounded.get_or_make(str(number) * 64, RECIPE, lambda number=number: picture(number))
        os.utime(unbounded.path_of(str(number) * 64, RECIPE), (number, number))
    size = unbounded.path_of("0" * 64, RECIPE).stat().st_size
    PreprocessCache(tmp_path, max_bytes=size * 3 + size // 2).trim()
    assert [unbounded.path_of(str(n) * 64, RECIPE).exists() for n in range(6)] == [False] * 3 + [True] * 3


def test_places_and_bounds_that_cannot_be(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InvalidInputError, match="another folder"):
        PreprocessCache(tmp_path / "file" / "cache")
    with pytest.raises(InvalidInputError, match="bytes"):
        PreprocessCache(tmp_path, max_bytes=0)
