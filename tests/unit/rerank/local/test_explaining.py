import cv2
import numpy as np
import pytest

from util.rerank.local.alignment import trust_near
from util.rerank.local.differences import DifferenceRegion, difference_regions
from util.rerank.local.explaining import explain
from util.rerank.local.geometry import project
from util.rerank.local.sift import SiftMatcher

WORDS = ("CALDER", "oat drink", "CACAO", "1 litre", "organic")


def overlap(box, other) -> float:
    """Area that two boxes share, as a share of the second."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    return max(width, 0) * max(height, 0) / ((other[2] - other[0]) * (other[3] - other[1]))


def changed_box(first: np.ndarray, second: np.ndarray) -> tuple[float, ...]:
    """Where two pictures of equal pose have other pixels."""
    rows, columns = np.nonzero(np.abs(first.astype(int) - second).max(axis=2) > 60)
    assert len(rows)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def grown(box) -> tuple[float, ...]:
    """A box with a margin of eight pixels: the map is as sharp as its window."""
    return box[0] - 8, box[1] - 8, box[2] + 8, box[3] + 8


def test_the_motion_between_two_photos_is_found_within_a_pixel(label, photograph, tilt):
    found = explain(label(), photograph(label(), tilt), matcher=SiftMatcher())
    corners = np.array([[30, 30], [270, 30], [270, 270], [30, 270]], float)
    assert np.abs(project(found.evidence.model, corners) - project(tilt, corners)).max() < 1.0
    assert found.evidence.inlier_count > 50


def test_the_same_thing_in_other_light_differs_nowhere(label, photograph, tilt):
    found = explain(label(), photograph(label(), tilt), matcher=SiftMatcher())
    assert found.evidence.difference < 0.06
    assert found.evidence.regions == ()


@pytest.mark.parametrize(("line", "word"), [(0, "CARVER"), (2, "VANIL"), (3, "2 litre")])
def test_a_changed_word_is_found_where_it_was_changed(label, photograph, tilt, line, word):
    plain, changed = label(), label((*WORDS[:line], word, *WORDS[line + 1 :]))
    found = explain(plain, photograph(changed, tilt), matcher=SiftMatcher())
    assert overlap(grown(changed_box(plain, changed)), found.evidence.regions[0].box) > 0.8
    same = explain(plain, photograph(plain, tilt), matcher=SiftMatcher())
    assert found.evidence.difference > same.evidence.difference


def test_a_large_photo_gets_boxes_in_its_own_pixels(label, photograph, tilt):
    changed = label((*WORDS[:2], "VANIL", *WORDS[3:]))
    large = cv2.resize(label(), (1200, 1200), interpolation=cv2.INTER_CUBIC)
    found = explain(large, photograph(changed, tilt), matcher=SiftMatcher())
    where = [4 * edge for edge in grown(changed_box(label(), changed))]
    assert overlap(where, found.evidence.regions[0].box) > 0.8
    assert found.alignment.query.shape == (480, 480, 3)
    assert found.query.shape == (1200, 1200, 3)


def test_another_colour_of_the_same_shape_is_a_difference(label, photograph, tilt):
    plain, changed = label(), label()
    for image, color in ((plain, (200, 40, 40)), (changed, (40, 90, 200))):
        cv2.rectangle(image, (200, 120), (260, 170), color, -1)
    found = explain(plain, photograph(changed, tilt), matcher=SiftMatcher())
    assert any(overlap(region.box, (200, 120, 260, 170)) > 0.5 for region in found.evidence.regions)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 1, 4), (40, 40, 3), (3, 500, 3)])
def test_photos_without_print_have_nothing_in_common(label, shape):
    blank = np.full(shape, 128, np.uint8)
    for pair in ((label(), blank), (blank, label()), (blank, blank)):
        found = explain(*pair, matcher=SiftMatcher())
        assert (found.evidence.inlier_count, found.alignment, found.differences) == (0, None, None)
        assert found.to_json()["model"] is None


@pytest.mark.slow
def test_rendered_siblings_differ_where_their_catalogue_views_do(tmp_path, photograph, tilt):
    """Catalogue views have one pose: their pixels say where the difference is."""
    import json

    from util.datasets import synthesize
    from util.images import read_image

    synthesize(tmp_path, families=3, items_per_family=5, photos_per_item=1, size=320, seed=5)
    items = json.loads((tmp_path / "items.json").read_text())["items"]
    tried = 0
    for item in items:
        if [d["kind"] for d in item["differences"]] not in (["mark"], ["variant"]):
            continue
        plain, changed = (
            read_image(tmp_path / f"catalogue/{name}.jpg") for name in (f"{item['family']}-00", item["item"])
        )
        found = explain(plain, photograph(changed, tilt, side=360), matcher=SiftMatcher())
        where = changed_box(plain, changed)
        assert overlap(grown(where), found.evidence.regions[0].box) > 0.6, item
        tried += 1
    assert tried >= 2


def test_trust_is_full_among_the_points_and_falls_off():
    points = np.array([[20, 20], [80, 20], [80, 80], [20, 80]], np.float32)
    trust = trust_near(points, (100, 100))
    margin = 0.08 * np.hypot(60, 60)
    assert trust[50, 50] == trust[20, 20] == 1
    np.testing.assert_allclose(trust[50, 85], 1.5 * (1 - 5 / margin), atol=0.05)
    assert trust[50, 81] == 1
    assert trust[50, 95] == trust[0, 0] == 0


def test_regions_join_letters_and_leave_specks_out():
    differences = np.zeros((210, 210), np.float32)
    for left in (50, 62, 74):
        differences[100:115, left : left + 8] = 0.9  # three letters
    differences[20, 20] = 1.0  # a speck
    regions = difference_regions(differences, np.ones((210, 210), bool))
    assert [region.box for region in regions] == [(50.0, 100.0, 82.0, 115.0)]
    np.testing.assert_allclose(regions[0].score, 0.9 * np.sqrt(3 * 8 * 15 / 210**2), rtol=1e-5)


def test_no_surface_no_regions():
    assert difference_regions(np.zeros((9, 9), np.float32), np.zeros((9, 9), bool)) == ()


@pytest.mark.parametrize(("box", "score"), [((5, 0, 5, 9), 0.1), ((0, 9, 5, 3), 0.1), ((0, 0, 5, 5), -0.1)])
def test_a_region_has_an_inside(box, score):
    from util.errors import InvalidInputError

    with pytest.raises(InvalidInputError, match="region"):
        DifferenceRegion(box, score)
