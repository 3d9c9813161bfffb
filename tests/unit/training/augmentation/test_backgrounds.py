import numpy as np
import pytest

from util.training.augmentation.backgrounds import composite, draw_background

PHOTO = np.random.default_rng(1).integers(0, 256, (40, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (17, 64), (128, 96)])
def test_backgrounds_fill_the_size(height, width):
    random = np.random.default_rng(0)
    drawn = [draw_background(height, width, random=random, photos=[PHOTO]) for _ in range(30)]
    assert {(image.shape, image.dtype) for image in drawn} == {((height, width, 3), np.dtype(np.uint8))}
    assert len({image.tobytes() for image in drawn}) == 30


def is_plain(image):
    return bool((image == image[0, 0]).all())


@pytest.mark.parametrize(("photos", "share"), [([], 1 / 3), ([PHOTO], 1 / 4)])
def test_each_kind_comes_equally_often(photos, share):
    random = np.random.default_rng(0)
    drawn = [draw_background(16, 16, random=random, photos=photos) for _ in range(600)]
    assert np.mean([is_plain(image) for image in drawn]) == pytest.approx(share, abs=0.06)


def test_parts_of_photos_come_from_the_photo():
    only_red = np.zeros((50, 50, 3), np.uint8)
    only_red[..., 0] = np.random.default_rng(0).integers(100, 256, (50, 50))
    random = np.random.default_rng(3)
    drawn = [draw_background(20, 20, random=random, photos=[only_red]) for _ in range(200)]
    from_photo = [image for image in drawn if image[..., 1:].max() == 0 and not is_plain(image)]
    assert 25 <= len(from_photo) <= 75


def test_compositing_is_the_weighted_mean():
    random = np.random.default_rng(0)
    rgba, background = (random.integers(0, 256, (30, 20, n), dtype=np.uint8) for n in (4, 3))
    rgba[:5, :, 3], rgba[5:10, :, 3] = 0, 255
    together = composite(rgba, background)
    alpha = rgba[..., 3:] / 255
    assert np.abs(together - (rgba[..., :3] * alpha + background * (1 - alpha))).max() <= 1
    assert (together[:5] == background[:5]).all() and (together[5:10] == rgba[5:10, :, :3]).all()
