"""The service on a space of reduced vectors: every route goes through its projection, none loads another network."""

import numpy as np
import pytest

from util.image_extract import load
from util.search.projection import projection_of
from util.search.reducing import Reduction, reduce_space

COLOURS = ("red", "orange", "blue", "green", "purple", "black")


@pytest.fixture
def reduced(client, as_base64):
    """A client of a service whose space 'short' holds colours in three numbers each."""
    images = [as_base64(colour, id=colour, item=colour) for colour in COLOURS]
    assert client.post("/v1/spaces/colours/images", json={"images": images}).status_code == 200
    reduce_space(client.app.state.service.store, "colours", Reduction(3), name="short")
    return client


def test_searching_and_identifying(reduced, as_base64):
    asked = {"images": [as_base64("blue")], "k": 2}
    answer = reduced.post("/v1/spaces/short/search", json=asked).json()
    (result,) = answer["results"]
    assert (result["hits"][0]["id"], result["hits"][0]["score"]) == ("blue", pytest.approx(1, abs=1e-5))
    decided = reduced.post("/v1/spaces/short/identify", json={"images": [as_base64("red")], "threshold": 0.9}).json()
    assert decided["decisions"][0]["item"] == "red"


def test_indexing_more(reduced, as_base64):
    answer = reduced.post("/v1/spaces/short/images", json={"images": [as_base64("yellow", id="yellow")]})
    assert answer.json()["indexed"] == 1, answer.text
    store = reduced.app.state.service.store
    pixels = np.full((16, 16, 3), (255, 255, 0), dtype=np.uint8)
    expected = projection_of(store.info("short")).apply(load("color_texture").extract([pixels]))
    np.testing.assert_allclose(store.get("short", ["yellow"]).vectors, expected, atol=1e-6)


def test_embeddings_are_those_of_the_space(reduced, as_base64):
    answers = [
        reduced.post("/v1/embeddings", json={"images": [as_base64("red")], "space": space}).json()
        for space in ("colours", "short")
    ]
    assert [answer["dimension"] for answer in answers] == [1664, 3]
    assert [len(answer["embeddings"][0]) for answer in answers] == [1664, 3]
    told = reduced.get("/v1/spaces/short").json()
    assert (told["dimension"], told["extractor"], told["fingerprint"]) == (
        3,
        "color_texture",
        answers[1]["fingerprint"],
    )
    assert answers[0]["fingerprint"] != answers[1]["fingerprint"]


def test_both_spaces_share_one_extractor(reduced, as_base64):
    for space in ("colours", "short"):
        reduced.post(f"/v1/spaces/{space}/search", json={"images": [as_base64("red")]})
    assert len(reduced.app.state.service.extractors.all) == 1


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"sha256": "1" * 64, "shape": "none"}])
def test_a_damaged_projection_is_an_error_of_the_store(reduced, as_base64, change):
    store = reduced.app.state.service.store
    kept = dict(store.info("short").attributes["projection"])
    store.annotate("short", {"projection": kept | change})
    answer = reduced.post("/v1/spaces/short/search", json={"images": [as_base64("red")]})
    assert answer.json()["error"]["code"] == "store_error", answer.text


def test_a_projection_that_was_exchanged_is_refused(reduced, as_base64):
    store = reduced.app.state.service.store
    reduce_space(store, "colours", Reduction(3, power=1), name="other")
    store.annotate("short", {"projection": dict(store.info("other").attributes["projection"])})
    answer = reduced.post("/v1/spaces/short/search", json={"images": [as_base64("red")]})
    assert answer.json()["error"]["code"] == "fingerprint_mismatch"
