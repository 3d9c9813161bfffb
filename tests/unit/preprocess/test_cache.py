import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.images import read_image
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


def test_no_flipped_bit_goes_unnoticed(tmp_path):
    """Decoders of PNG let some flips in the compressed pixels pass; this one test met them by the hundred."""
    cache, image = PreprocessCache(tmp_path), cv2.resize(picture()[:4, :4], (32, 32))
    cache.get_or_make("a" * 64, RECIPE, lambda: image)
    path = cache.path_of("a" * 64, RECIPE)
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        np.testing.assert_array_equal(cache.get_or_make("a" * 64, RECIPE, lambda: image), image)


def test_entries_open_as_pictures(tmp_path):
    cache = PreprocessCache(tmp_path)
    cache.get_or_make("a" * 64, RECIPE, picture)
    np.testing.assert_array_equal(read_image(cache.path_of("a" * 64, RECIPE)), picture())


@settings(max_examples=30)
@given(seed=st.integers(0, 100), height=st.integers(1, 30), width=st.integers(1, 30))
def test_every_image_comes_back_to_the_pixel(tmp_path_factory, seed, height, width):
    cache = PreprocessCache(tmp_path_factory.mktemp("cache"))
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    cache.get_or_make("a" * 64, RECIPE, lambda: image)
    np.testing.assert_array_equal(cache.get_or_make("a" * 64, RECIPE, never), image)


OTHER_PROCESS = """
import sys
import numpy as np
from util.preprocess.cache import PreprocessCache
from util.preprocess.recipe import Recipe

cache = PreprocessCache(sys.argv[1], max_bytes=2000)
for turn in range(600):
    number = turn % 5
    image = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    kept = cache.get_or_make(str(number) * 64, Recipe.parse("square, resize=16"), lambda: image)
    assert np.array_equal(kept, image), turn
    if turn % 7 == 0:
        cache.trim()
"""


def test_processes_at_once_agree_while_entries_are_deleted(tmp_path):
    command = [sys.executable, "-c", OTHER_PROCESS, str(tmp_path)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in running:
        _, complaints = process.communicate(timeout=60)
        assert process.returncode == 0, complaints


def test_half_written_drafts_are_swept_up(tmp_path):
    cache = PreprocessCache(tmp_path, max_bytes=10_000)
    cache.get_or_make("a" * 64, RECIPE, picture)
    folder = cache.path_of("a" * 64, RECIPE).parent
    (folder / ".old.tmp").write_bytes(b"half")
    (folder / ".new.tmp").write_bytes(b"half")
    os.utime(folder / ".old.tmp", (0, 0))
    cache.trim()
    assert sorted(path.suffix for path in folder.iterdir()) == [".png", ".tmp"]


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


@pytest.mark.parametrize(("channels", "recipe"), [(3, "resize=8"), (9, "resize=8, channels=exposure")])
def test_what_is_kept_has_all_its_channels(tmp_path, channels, recipe):
    image = np.random.default_rng(channels).integers(0, 256, (6, 8, channels), dtype=np.uint8)
    cache = PreprocessCache(tmp_path)
    cache.get_or_make("0" * 64, Recipe.parse(recipe), lambda: image)
    kept = cache.get_or_make("0" * 64, Recipe.parse(recipe), lambda: np.zeros_like(image))
    np.testing.assert_array_equal(kept, image)


def test_a_cut_out_keeps_its_alpha_and_is_not_taken_for_the_flattened_image(tmp_path):
    cut_out = np.random.default_rng(4).integers(0, 256, (6, 8, 4), dtype=np.uint8)
    recipe, cache = Recipe.parse("background=grabcut"), PreprocessCache(tmp_path)
    cache.get_or_make("0" * 64, recipe, lambda: cut_out, see_through=True)
    flat = cache.get_or_make("0" * 64, recipe, lambda: cut_out[..., :3].copy())
    kept = cache.get_or_make("0" * 64, recipe, lambda: np.zeros_like(cut_out), see_through=True)
    np.testing.assert_array_equal(kept, cut_out)
    assert flat.shape == (6, 8, 3)
