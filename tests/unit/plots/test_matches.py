import cv2
import numpy as np
import pytest

from util.plots.matches import explanation_figure
from util.rerank.local.explaining import explain
from util.rerank.local.sift import SiftMatcher


def draw(word: str) -> np.ndarray:
    image = np.full((200, 260, 3), 240, np.uint8)
    for line, text in enumerate(("CALDER", word, "organic 1 l")):
        cv2.putText(image, text, (15, 55 + 60 * line), cv2.FONT_HERSHEY_DUPLEX, 1.2, (30, 60, 90), 2, cv2.LINE_AA)
    return image


@pytest.fixture(scope="module")
def found():
    return explain(draw("vanilla"), draw("cacao"), matcher=SiftMatcher())


def test_lines_go_from_photo_to_photo(found):
    figure = explanation_figure(found)
    axes = figure.subfigs[0].axes[0]
    canvas = axes.images[0].get_array()
    assert canvas.shape[1] > 2 * 260
    lines = axes.collections[1].get_segments()
    assert 0 < len(lines) <= 40
    offset = canvas.shape[1] - 260
    matches = found.evidence.matches
    pairs = {(*q, *c) for q, c in zip(matches.query.tolist(), matches.candidate.tolist(), strict=True)}
    for start, end in lines:
        nearest = min(pairs, key=lambda pair: abs(pair[0] - start[0]) + abs(pair[1] - start[1]))
        np.testing.assert_allclose((*start, *end), (*nearest[:2], nearest[2] + offset, nearest[3]), atol=1e-3)


def test_regions_are_boxed_in_every_view(found):
    figure = explanation_figure(found, names=("shelf", "till"), title="which is it?")
    views = figure.subfigs[1].axes
    assert [axes.get_title(loc="left") for axes in views] == [
        "shelf",
        "till, laid over it, in its light",
        "what differs",
    ]
    assert found.evidence.regions
    for axes in views:
        boxes = [patch.get_bbox().extents.tolist() for patch in axes.patches]
        assert boxes == [pytest.approx(region.box) for region in found.evidence.regions]
    assert figure.get_suptitle() == "which is it?"


def test_heat_is_where_the_word_was_changed(found):
    heat = explanation_figure(found).subfigs[1].axes[2].images[0].get_array().astype(int)
    redness = heat[:, :, 0] - heat[:, :, 2]
    assert redness[85:120, 15:120].max() > 100
    assert redness[25:60, 15:150].max() < 60


def test_without_a_match_there_is_one_row_and_a_sentence():
    blank = np.full((50, 80, 3), 200, np.uint8)
    figure = explanation_figure(explain(blank, draw("cacao"), matcher=SiftMatcher()))
    assert len(figure.subfigs) == 1
    assert figure.get_suptitle().startswith("no credible match")


def test_it_can_be_written(found, tmp_path):
    path = tmp_path / "picture.png"
    explanation_figure(found, names=("$a_1$", "b")).savefig(path)
    assert cv2.imread(str(path)).shape[1] == 1000
