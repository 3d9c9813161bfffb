import hashlib
import itertools
import json
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from util.datasets import synthesize
from util.errors import ImageError, InvalidInputError
from util.images import read_image
from util.preprocess.framing import resize_area
from util.preprocess.pixels import flatten
from util.training.augmentation import LEVELS, AugmentationConfig, Augmenter

RANDOM = np.random.default_rng(0)
RGB = cv2.resize(RANDOM.integers(0, 256, (12, 9, 3), dtype=np.uint8), (90, 120))
ALPHA = np.where(np.hypot(*np.mgrid[-60:60, -45:45]) < 40, 255, 0).astype(np.uint8)
RGBA = np.dstack([RGB, ALPHA])
STRONG = AugmentationConfig.at_level("strong", light_chance=1, defect_chance=1)

IN_ANOTHER_PROCESS = """
import hashlib, sys
import numpy as np
from util.training.augmentation import AugmentationConfig, Augmenter
image = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(120, 90, 4)
photo = np.ascontiguousarray(image[..., :3])
augment = Augmenter(AugmentationConfig.at_level("strong"), size=(48, 40), backgrounds=[photo])
for seed in (9, 3, 0):
    print(seed, hashlib.sha256(augment(image, seed).tobytes()).hexdigest())
"""


def digest(view):
    return hashlib.sha256(view.tobytes()).hexdigest()


def test_views_are_the_same_in_another_process_and_order():
    augment = Augmenter(AugmentationConfig.at_level("strong"), size=(48, 40), backgrounds=[RGB])
    here = {seed: digest(augment(RGBA, seed)) for seed in range(10)}
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS]
    out = subprocess.run(command, input=RGBA.tobytes(), capture_output=True, check=True).stdout.decode()
    there = dict(line.split() for line in out.splitlines())
    assert there == {str(seed): here[seed] for seed in (9, 3, 0)}
    assert len(set(here.values())) == 10


def test_views_are_the_same_in_many_threads_at_once():
    augment = Augmenter(STRONG, size=(32, 32))
    alone = [digest(augment(RGB, seed)) for seed in range(120)]
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(lambda seed: digest(augment(RGB, seed)), range(120))) == alone


def test_an_augmenter_survives_pickling():
    augment = Augmenter(STRONG, size=(32, 32), backgrounds=[RGB])
    view = augment(RGBA, 5)
    again = pickle.loads(pickle.dumps(augment))
    assert (again(RGBA, 5) == view).all()


def test_the_image_itself_is_left_alone():
    image = RGB.copy()
    Augmenter(STRONG)(image, 1)
    Augmenter(AugmentationConfig.none())(image, 1)[...] = 0
    assert (image == RGB).all()


def test_none_changes_nothing():
    assert (Augmenter(AugmentationConfig.none())(RGB, 1) == RGB).all()
    resized = Augmenter(AugmentationConfig.none(), size=(50, 60))(RGB, 1)
    assert (resized == resize_area(RGB, height=50, width=60)).all()
    kept = Augmenter(AugmentationConfig.at_level("none", keep_alpha=True))(RGBA, 1)
    assert (kept == RGBA).all()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("image", [RGB, RGBA, RGB[:1, :1], RGB[::2, ::3]], ids=["rgb", "rgba", "pixel", "strided"])
@pytest.mark.parametrize("size", [None, (64, 48), (1, 1)])
def test_views_are_rgb_of_the_size(level, image, size):
    augment = Augmenter(AugmentationConfig.at_level(level), size=size)
    for seed in (0, 1, 2**40):
        view = augment(image, seed)
        assert view.dtype == np.uint8 and view.flags["C_CONTIGUOUS"]
        assert view.shape == (*(size or image.shape[:2]), 3)


def test_cut_outs_keep_their_alpha_where_asked():
    augment = Augmenter(AugmentationConfig.at_level("standard", keep_alpha=True), size=(64, 48))
    views = [augment(RGBA, seed) for seed in range(10)]
    assert {view.shape for view in views} == {(64, 48, 4)}
    assert all(0.2 < (view[..., 3] > 128).mean() < 0.9 for view in views)
    assert augment(RGB, 0).shape == (64, 48, 3)


def test_cut_outs_are_put_on_new_backgrounds_as_often_as_asked():
    only_background = AugmentationConfig.at_level("none", new_background=0.5, plain_background="grey")
    augment = Augmenter(only_background)
    views = [augment(RGBA, seed) for seed in range(100)]
    assert all((view[ALPHA == 255] == RGB[ALPHA == 255]).all() for view in views)
    plain = flatten(RGBA, background="grey")
    assert 30 <= sum((view == plain).all() for view in views) <= 70


def test_steps_of_one_chance_happen_independently():
    """Occlusion alone paints black bright, noise alone speckles it: all four combinations come about equally often."""
    black = np.zeros((32, 32, 3), np.uint8)
    augment = Augmenter(AugmentationConfig.at_level("none", defect_chance=0.5, occlusion=0.3, noise=0.05))
    views = [augment(black, seed) for seed in range(200)]
    occluded = [view.max() > 80 for view in views]
    noisy = [np.count_nonzero((view > 0) & (view < 50)) > 200 for view in views]
    assert np.histogram2d(occluded, noisy, bins=2)[0].min() > 25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": (0, 5)}, "at least 1 pixel each, not (0, 5)"),
        ({"size": (5,)}, "not (5,)"),
        ({"backgrounds": [RGBA]}, "a background must be RGB"),
        ({"backgrounds": [RGB / 255]}, "must be uint8"),
    ],
)
def test_an_augmenter_that_cannot_work_is_refused(arguments, message):
    with pytest.raises(InvalidInputError) as caught:
        Augmenter(AugmentationConfig(), **arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("image", "seed", "size", "error", "message"),
    [
        (RGB, -1, None, InvalidInputError, "the seed of a view must be at least 0, not -1"),
        (RGB[..., 0], 0, None, InvalidInputError, "must be uint8 H×W×3"),
        (RGB / 255, 0, None, InvalidInputError, "must be uint8 H×W×3"),
        (RGB, 0, (100_000, 100_000), ImageError, "augmentation would make it 100000×100000"),
    ],
)
def test_what_cannot_be_augmented_is_refused(image, seed, size, error, message):
    with pytest.raises(error) as caught:
        Augmenter(AugmentationConfig(), size=size)(image, seed)
    assert message in str(caught.value)


@pytest.fixture(scope="module")
def near_identical(tmp_path_factory):
    """Catalogue pictures of items of one family and the patch around what each differs in from the first."""
    folder = tmp_path_factory.mktemp("items")
    synthesize(folder, families=2, items_per_family=3, photos_per_item=1, severity=0.3)
    items = json.loads((folder / "items.json").read_text())["items"]
    pairs = []
    for _, family in itertools.groupby(items, key=lambda item: item["family"]):
        first, *others = (read_image(folder / item["catalogue"]) for item in family)
        pairs += [(first, other, _differing_patch(first, other)) for other in others]
    return pairs


def _differing_patch(first, second, margin=6):
    differs = np.abs(first.astype(int) - second).max(axis=2) > 40
    joined = cv2.dilate(differs.astype(np.uint8), np.ones((9, 9)))
    _, _, boxes, _ = cv2.connectedComponentsWithStats(joined)
    left, top, width, height, _ = max(boxes[1:], key=lambda box: box[4])
    rows, columns = (max(top - margin, 0), top + height + margin), (max(left - margin, 0), left + width + margin)
    return slice(*rows), slice(*columns)


def likeness(view, patch):
    """How well the patch fits anywhere in the view, at any of some scales."""
    scaled = [cv2.resize(patch, None, fx=s, fy=s, interpolation=cv2.INTER_AREA) for s in (0.38, 0.44, 0.5, 0.56, 0.63)]
    return max(-cv2.matchTemplate(view, small, cv2.TM_SQDIFF_NORMED).min() for small in scaled)


def share_told_apart(pairs, config, *, views=10):
    augment = Augmenter(config, size=(128, 128))
    right = []
    for first, second, patch in pairs:
        for own, other in ((first, second), (second, first)):
            shown = [augment(own, seed) for seed in range(views)]
            right += [likeness(view, own[patch]) > likeness(view, other[patch]) for view in shown]
    return np.mean(right)


def test_nearly_identical_items_can_still_be_told_apart(near_identical):
    """By which item's patch is nearest to anything in the view; half right is chance."""
    assert len(near_identical) == 4
    assert share_told_apart(near_identical, AugmentationConfig.none(), views=1) == 1  # all are the same
    assert share_told_apart(near_identical, AugmentationConfig.at_level("light")) > 0.9
    assert share_told_apart(near_identical, AugmentationConfig.at_level("standard")) > 0.75
