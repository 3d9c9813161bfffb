"""An extractor followed by a projection: an extractor like any other, and never taken for the one it rests on."""

import numpy as np
import pytest

from util.errors import DimensionMismatchError, StoreError
from util.records import SpaceInfo, unit_rows
from util.search.extraction import Extraction
from util.search.indexing import index_images, space_for
from util.search.projected import ProjectedExtractor, as_in_space
from util.search.projection import Projection

DROPS_BLUE = Projection(np.zeros(3), np.eye(2, 3))
PIXELS = [np.full((6, 6, 3), colour, dtype=np.uint8) for colour in ([30, 40, 200], [250, 0, 0], [0, 0, 90], [0, 0, 0])]


def test_embeddings_are_those_of_the_other_one_projected(mean_colour):
    made = ProjectedExtractor(mean_colour(), DROPS_BLUE).extract(PIXELS)
    # Blue is gone; what was nothing else has no direction left, nor has black.
    np.testing.assert_allclose(made, [[0.6, 0.8], [1, 0], [0, 0], [0, 0]], atol=1e-6)
    assert ProjectedExtractor(mean_colour(), DROPS_BLUE).extract([]).shape == (0, 2)


def test_it_has_the_name_and_ways_of_the_other_one_but_another_fingerprint(mean_colour):
    base = mean_colour("square, resize=8")
    made = ProjectedExtractor(base, DROPS_BLUE)
    assert (made.name, made.recipe, made.batch_size) == (base.name, base.recipe, base.batch_size)
    assert (made.duplicate_score, made.dimension) == (base.duplicate_score, 2)
    others = [base, mean_colour(), ProjectedExtractor(mean_colour(), DROPS_BLUE)]
    others.append(ProjectedExtractor(base, Projection(np.zeros(3), np.eye(1, 3))))
    assert made.fingerprint == DROPS_BLUE.follow(base.fingerprint)
    assert made.fingerprint not in {other.fingerprint for other in others}
    assert made.weights_digest != base.weights_digest
    np.testing.assert_array_equal(made.prepare(PIXELS[0]), base.prepare(PIXELS[0]))


def test_a_space_of_its_embeddings_says_how_to_make_more(mean_colour):
    space = space_for(ProjectedExtractor(mean_colour(), DROPS_BLUE, about={"explained": 0.5}), "s")
    assert (space.extractor, space.dimension) == ("mean_colour", 2)
    assert space.attributes["projection"]["explained"] == 0.5
    again = as_in_space(mean_colour(), space)
    assert again.fingerprint == space.fingerprint
    np.testing.assert_array_equal(again.extract(PIXELS), ProjectedExtractor(mean_colour(), DROPS_BLUE).extract(PIXELS))
    assert space_for(again, "s") == space


def test_a_space_that_keeps_none_has_the_extractor_as_it_is(mean_colour):
    base = mean_colour()
    assert as_in_space(base, space_for(base)) is base
    assert dict(space_for(base).attributes) == {}


def test_photos_are_indexed_through_it(mean_colour, store, photo):
    from util.records import ImageRecord

    extraction = Extraction(ProjectedExtractor(mean_colour(), DROPS_BLUE))
    path = photo("a.png", (30, 40, 200))
    index_images([ImageRecord("a", str(path))], extraction=extraction, store=store, space="s")
    np.testing.assert_allclose(store.get("s", ["a"]).vectors, unit_rows([[3, 4]]), atol=1e-6)
    again = index_images(
        [ImageRecord("a", str(path))],
        extraction=Extraction(as_in_space(mean_colour(), store.info("s"))),
        store=store,
        space="s",
    )
    assert (again.indexed, again.skipped) == (0, 1)


def test_a_projection_for_others_is_refused(mean_colour):
    with pytest.raises(DimensionMismatchError, match="dimension 4, and the extractor 'mean_colour' makes 3"):
        ProjectedExtractor(mean_colour(), Projection(np.zeros(4), np.eye(2, 4)))


def test_a_damaged_one_is_an_error_of_the_store(mean_colour):
    with pytest.raises(StoreError, match="damaged"):
        as_in_space(mean_colour(), SpaceInfo("s", "mean_colour", 2, "f" * 64, attributes={"projection": 7}))
