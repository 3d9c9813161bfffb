"""Training photos: the extractor's own preparation, augmentation on top, cut-outs kept."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from util.datasets import read_dataset
from util.images import read_image
from util.preprocess.cache import PreprocessCache
from util.preprocess.exposure import exposure_pair
from util.preprocess.recipe import Recipe
from util.training.augmentation import AugmentationConfig, Augmenter
from util.training.images import TrainingImages


def images_of(directory, recipe, *, level="none", size=(32, 32), **options):
    made = TrainingImages(
        read_dataset(directory)[:6], Recipe.parse(recipe), AugmentationConfig.at_level(level), size, **options
    )
    made.load(workers=1, progress=lambda done, total: None)
    return made


def test_validation_sees_exactly_what_the_extractor_sees(look_alikes):
    recipe = "square, resize=32, channels=exposure"
    images = images_of(look_alikes, recipe)
    record = images.records[0]
    np.testing.assert_array_equal(images.prepared(record), Recipe.parse(recipe).apply(read_image(record.path)))


def test_without_augmentation_training_sees_nearly_the_same(look_alikes):
    images = images_of(look_alikes, "square, resize=32")
    difference = np.abs(images.augmented(0, 1).astype(int) - images.prepared(images.records[0]).astype(int))
    assert difference.mean() < 2


def test_a_view_depends_on_its_seed_alone(look_alikes):
    images = images_of(look_alikes, "square, resize=32", level="standard")
    np.testing.assert_array_equal(images.augmented(1, 7), images.augmented(1, 7))
    assert (images.augmented(1, 7) != images.augmented(1, 8)).any()


def test_photos_that_find_no_room_in_memory_give_the_same_views(look_alikes):
    kept = images_of(look_alikes, "square, resize=32", level="standard")
    read_again = images_of(look_alikes, "square, resize=32", level="standard", memory_bytes=0)
    np.testing.assert_array_equal(kept.augmented(2, 5), read_again.augmented(2, 5))


@pytest.mark.parametrize(
    "recipe", ["square, resize=32, channels=exposure", "background=grabcut, crop, square, resize=32"]
)
def test_what_is_prepared_again_and_again_is_read_once_and_stays_the_same(look_alikes, tmp_path, recipe):
    shutil.copytree(look_alikes, tmp_path / "set")
    images = images_of(tmp_path / "set", recipe)
    first = [images.prepared(record, keep=True).copy() for record in images.records]
    expected = [Recipe.parse(recipe).apply(read_image(record.path)) for record in images.records]
    shutil.rmtree(tmp_path / "set")
    again = [images.prepared(record, keep=True) for record in images.records]
    np.testing.assert_array_equal(first, expected)
    np.testing.assert_array_equal(again, expected)


def test_prepared_photos_take_the_room_that_decoded_ones_leave(look_alikes):
    decoded = sum(image.nbytes for image in images_of(look_alikes, "square, resize=32")._kept.values())
    images = images_of(look_alikes, "square, resize=32", memory_bytes=decoded + 32 * 32 * 3)
    first, second = (images.prepared(record, keep=True) for record in images.records[:2])
    assert images.prepared(images.records[0]) is first
    again = images.prepared(images.records[1], keep=True)
    assert again is not second
    np.testing.assert_array_equal(again, second)


def test_variants_are_the_exposure_corrected_view(look_alikes):
    images = images_of(look_alikes, "square, resize=32")
    plain = images.augmented(0, 3)
    under, over = exposure_pair(plain)
    np.testing.assert_array_equal(images.augmented(0, 3, variant=1), under)
    np.testing.assert_array_equal(images.augmented(0, 3, variant=2), over)


@pytest.mark.parametrize(
    "recipe", ["square, resize=48", "resize=64, center=48", "square, resize=48, channels=exposure"]
)
def test_training_images_have_the_training_size(look_alikes, recipe):
    images = images_of(look_alikes, recipe)
    assert images.augmented(0, 0).shape[:2] == (32, 32)
    assert images.augmented(0, 0).shape[2] == Recipe.parse(recipe).channels


def test_backgrounds_are_removed_once_and_kept(look_alikes, tmp_path):
    recipe, cache = "background=grabcut, crop, square, resize=32", PreprocessCache(tmp_path)
    first = images_of(look_alikes, recipe, cache=cache)
    assert len(list(tmp_path.rglob("*.png"))) == len(first)
    again = images_of(look_alikes, recipe, cache=cache)
    np.testing.assert_array_equal(first.augmented(0, 4), again.augmented(0, 4))
    record = first.records[0]
    np.testing.assert_array_equal(again.prepared(record), Recipe.parse(recipe).apply(read_image(record.path)))


def test_photos_that_cannot_be_read_are_left_out_and_listed(look_alikes, tmp_path):
    shutil.copytree(look_alikes, tmp_path / "set")
    broken = Path(read_dataset(tmp_path / "set")[2].path)
    broken.write_bytes(b"no photo")
    images = images_of(tmp_path / "set", "square, resize=32")
    assert len(images) == 5
    assert [one.path for one in images.left_out] == [str(broken)]


def test_few_views_are_made_once_and_kept(look_alikes, tmp_path, monkeypatch):
    cache = PreprocessCache(tmp_path / "cache")
    recipe = "square, resize=32, channels=exposure"
    images = images_of(look_alikes, recipe, level="strong", views=2, cache=cache)
    first = [images.augmented(1, seed, variant=2) for seed in range(4)]
    np.testing.assert_array_equal(first[0], first[2])
    np.testing.assert_array_equal(first[1], first[3])
    assert (first[0] != first[1]).any()
    endless = images_of(look_alikes, recipe, level="strong")
    np.testing.assert_array_equal(first[1], endless.augmented(1, 1, variant=2))
    monkeypatch.setattr(Augmenter, "__call__", lambda *_: pytest.fail("made again"))
    np.testing.assert_array_equal(images_of(look_alikes, recipe, level="strong", views=2, cache=cache)
                                  .augmented(1, 5, variant=2), first[1])  # fmt: skip


def test_views_of_another_augmentation_are_other_views(look_alikes, tmp_path):
    cache = PreprocessCache(tmp_path / "cache")
    made = [
        images_of(look_alikes, "square, resize=32", level=level, views=1, cache=cache).augmented(0, 0)
        for level in ("none", "strong")
    ]
    assert (made[0] != made[1]).any()
