import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.datasets.disturbances import DISTURBANCES, disturb
from util.errors import InvalidInputError

KINDS = list(DISTURBANCES)


@pytest.fixture(scope="module")
def photo():
    """A smooth picture with edges, colours and no clipped values, 96 × 128."""
    y, x = np.mgrid[:96, :128]
    colours = np.stack([90 + x * 0.6, 100 + y * 0.7, 120 + 30 * np.sin(x / 9) * np.cos(y / 7)], axis=-1)
    colours[30:60, 40:80] += 25
    return np.clip(colours, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_strength_zero_leaves_the_photo_and_none_changes_it(photo, kind):
    before = photo.copy()
    assert disturb(photo, kind, 0.0) is photo
    disturbed = disturb(photo, kind, 0.7)
    assert disturbed.dtype == np.uint8 and disturbed.ndim == 3 and disturbed.shape[2] == 3
    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_and_nothing_else(photo, kind):
    once = disturb(photo, kind, 0.6, seed=[3, 7])
    np.testing.assert_array_equal(once, disturb(photo, kind, 0.6, seed=[3, 7]))
    others = [disturb(photo, kind, 0.6, seed=[3, seed]) for seed in range(10)]
    drawn = any(not np.array_equal(once, other) for other in others)
    assert drawn == (kind not in ("jpeg", "blur"))  # these have nothing to draw


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "crop"])
@pytest.mark.parametrize("seed", range(4))
def test_more_strength_is_more_change_in_the_same_direction(photo, kind, seed):
    changes = [disturb(photo, kind, strength, seed=seed).astype(float) - photo for strength in (0.25, 0.5, 1.0)]
    sizes = [np.sqrt(np.mean(change**2)) for change in changes]
    assert 0 < sizes[0] < sizes[1] < sizes[2], sizes
    if kind in ("light", "temperature", "noise"):
        likeness = np.corrcoef(changes[0].ravel(), changes[1].ravel())[0, 1]
        assert likeness > 0.5, likeness


def test_light_is_measured_in_stops(photo):
    """Across the picture the falloff cancels at its middle, where the light is the exposure alone."""
    from util.datasets.synthesis.colors import to_linear

    dim = (photo // 2).astype(np.uint8)  # so that 2 stops more do not clip
    ratios = set()
    for seed in range(12):
        lit = (
            to_linear(disturb(dim, "light", 0.5, seed=seed))[46:50, 62:66].mean() / to_linear(dim)[46:50, 62:66].mean()
        )
        ratios.add(round(float(np.log2(lit)), 1))
    assert ratios == {-1.5, 1.0}


def test_temperature_moves_red_against_blue(photo):
    balances = set()
    for seed in range(12):
        warm = disturb(photo, "temperature", 1.0, seed=seed).astype(float).mean(axis=(0, 1))
        base = photo.astype(float).mean(axis=(0, 1))
        assert warm[1] == pytest.approx(base[1], abs=1)  # green stays
        balances.add(np.sign((warm[0] - base[0]) - (warm[2] - base[2])))
    assert balances == {-1.0, 1.0}


@given(st.floats(0.01, 1.0), st.integers(0, 50))
def test_a_crop_is_a_window_of_the_photo(strength, seed):
    numbered = np.arange(40 * 60 * 3, dtype=np.uint32).reshape(40, 60, 3)
    picture = (numbered % 251).astype(np.uint8)
    window = disturb(picture, "crop", strength, seed=seed)
    rows, columns = window.shape[:2]
    assert (rows, columns) == (round(40 * (1 - strength / 2)), round(60 * (1 - strength / 2)))
    windows = np.lib.stride_tricks.sliding_window_view(picture, window.shape)[:, :, 0]
    assert np.any(np.all(windows == window, axis=(2, 3, 4)))


@given(st.floats(0.05, 1.0), st.integers(0, 50))
def test_an_occluder_hides_the_share_it_says_with_one_colour(strength, seed):
    picture = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
    covered = disturb(picture, "occlusion", strength, seed=seed)
    changed = np.any(covered != picture, axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    box = covered[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert np.all(box == box[0, 0])
    assert box.shape[0] * box.shape[1] / 9600 == pytest.approx(strength / 2, abs=0.03)


def test_rotation_turns_about_the_middle():
    """A dot to the right of the middle ends up at the angle, either way round."""
    picture = np.zeros((101, 101, 3), np.uint8)
    picture[48:53, 78:83] = 255
    angles = set()
    for seed in range(12):
        bright = np.argwhere(disturb(picture, "rotation", 1.0, seed=seed)[:, :, 0] > 128)
        near = bright[np.hypot(*(bright - 50).T) < 40].mean(axis=0) - 50  # the mirrored border is further out
        angles.add(round(float(np.degrees(np.arctan2(-near[0], near[1])))))
    assert angles == {-45, 45}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 9, 3), (5, 2, 3)])
def test_the_smallest_pictures_are_disturbed_too(kind, shape):
    for strength in (0.1, 1.0):
        assert disturb(np.full(shape, 90, np.uint8), kind, strength).size > 0


@pytest.mark.parametrize(
    ("picture", "kind", "strength", "message"),
    [
        (np.zeros((4, 4, 3), np.uint8), "fog", 0.5, "no disturbance is called 'fog'; there are light, temperature"),
        (np.zeros((4, 4, 3), np.uint8), "light", 1.1, r"lies in \[0, 1\], not 1.1"),
        (np.zeros((4, 4, 3), np.uint8), "light", float("nan"), r"lies in \[0, 1\]"),
        (np.zeros((4, 4, 3)), "light", 0.5, "uint8 H×W×3, not float64"),
        (np.zeros((4, 4, 4), np.uint8), "light", 0.5, r"shape \(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), "light", 0.5, r"shape \(0, 4, 3\)"),
    ],
)
def test_what_cannot_be_disturbed_is_refused(picture, kind, strength, message):
    with pytest.raises(InvalidInputError, match=message):
        disturb(picture, kind, strength)
