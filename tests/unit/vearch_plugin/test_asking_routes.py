import base64

import numpy as np
import pytest

from util.image_extract import load
from util.images import read_image


def test_a_search_gives_the_nearest_first_with_their_cosine(gallery, as_base64, png):
    answer = gallery.post("/v1/spaces/colours/search", json={"images": [as_base64("#ff1000")], "k": 3}).json()
    extractor = load("color_texture")
    names = ["red", "orange", "blue"]
    rows = extractor.extract([read_image(png(colour)) for colour in ("#ff1000", *names)])
    expected = dict(zip(names, (rows[0] @ rows[1:].T).tolist(), strict=True))
    hits = answer["results"][0]["hits"]
    assert {hit["item"]: hit["score"] for hit in hits} == pytest.approx(expected, abs=1e-5)
    assert hits[0]["id"] == "shelf/red"
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)


def test_json_and_form_give_one_answer(gallery, as_base64, png):
    options = {"k": 2, "where": {"warmth": {"gte": 1}}, "min_score": -0.5}
    by_json = gallery.post("/v1/spaces/colours/search", json={"images": [as_base64("red", name="r")], **options})
    form = {"k": "2", "where": '{"warmth": {"gte": 1}}', "min_score": "-0.5"}
    by_form = gallery.post("/v1/spaces/colours/search", files={"image": ("r", png("red"))}, data=form)
    assert by_json.json() == by_form.json()
    assert len(by_json.json()["results"][0]["hits"]) == 2


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"item": "red"}, {"red"}),
        ({"item": ["red", "blue", "none"]}, {"red", "blue"}),
        ({"warmth": {"gt": 0}}, {"orange", "red"}),
        ({"warmth": {"gt": 0, "lt": 2}}, {"orange"}),
        ({"warmth": 2, "tags": "plain"}, {"red"}),
        ({"warmth": "2"}, set()),
        ({"tags": "red"}, {"red"}),
        ({"warmth": True}, set()),
    ],
)
def test_a_filter_leaves_only_what_matches(gallery, as_base64, where, found):
    answer = gallery.post("/v1/spaces/colours/search", json={"images": [as_base64("red")], "where": where}).json()
    assert {hit["item"] for hit in answer["results"][0]["hits"]} == found


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"k": 0}, "invalid fields"),
        ({"k": True}, "invalid fields"),
        ({"min_score": True}, "invalid fields"),
        ({"k": 1001}, "at most 1000"),
        ({"k": 10**30}, ""),
        ({"k": 1.5}, "invalid fields"),
        ({"min_score": 2}, "invalid fields"),
        ({"where": {"item": {}}}, "invalid fields"),
        ({"where": {"item": {"$ne": 1}}}, "invalid fields"),
        ({"where": {"item": []}}, "invalid fields"),
        ({"where": {"x' OR 1=1": 1}}, "invalid fields"),
        ({"where": {str(n).join("ab"): 1 for n in range(17)}}, "invalid fields"),
        ({"limit": 3}, "invalid fields"),
    ],
)
def test_options_that_cannot_be_used(gallery, as_base64, options, part):
    answer = gallery.post("/v1/spaces/colours/search", json={"images": [as_base64("red")], **options})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_fields")
    assert part in answer.json()["error"]["message"]


def test_queries_that_cannot_be_read_are_listed_by_their_names(gallery, as_base64):
    images = [{"base64": "bm90IGFuIGltYWdl"}, as_base64("red", name="mine"), {"base64": "!"}, as_base64("blue")]
    answer = gallery.post("/v1/spaces/colours/search", json={"images": images, "k": 1}).json()
    assert [(one["query"], one["hits"][0]["item"]) for one in answer["results"]] == [
        ("mine", "red"),
        ("query 4", "blue"),
    ]
    assert sorted(one["name"] for one in answer["failed"]) == ["query 1", "query 3"]


def test_identify_says_known_and_new(gallery, as_base64):
    images = [as_base64("red", name="a"), as_base64("#00ff00", name="b")]
    answer = gallery.post("/v1/spaces/colours/identify", json={"images": images, "threshold": 0.95}).json()
    said = {one["query"]: (one["decision"], one["item"], one["threshold"]) for one in answer["decisions"]}
    assert said == {"a": ("known", "red", 0.95), "b": ("new", None, 0.95)}
    assert answer["decisions"][0]["evidence"]["hits"][0]["id"] == "shelf/red"


def test_several_photos_of_one_item_are_answered_once(gallery, as_base64):
    images = [as_base64("red", name="a, left"), as_base64("#fe0000", name="b")]
    answer = gallery.post("/v1/spaces/colours/identify", json={"images": images, "threshold": 0.9, "one_item": True})
    (decision,) = answer.json()["decisions"]
    assert (decision["query"], decision["item"], decision["evidence"]["photos"]) == ("a, left, b", "red", 2)


def test_without_a_threshold_the_space_is_calibrated_until_it_changes(gallery, as_base64):
    ask = {"images": [as_base64("red")]}
    assert gallery.post("/v1/spaces/colours/identify", json=ask).json()["decisions"][0]["item"] == "red"
    assert gallery.get("/v1/spaces/colours").json()["calibrated"]
    gallery.delete("/v1/spaces/colours/images/shelf/blue")
    store = gallery.app.state.service.store
    assert "calibration" not in store.info("colours").attributes["calibration"], "the rate alone is kept"
    gallery.delete("/v1/spaces/colours/images/shelf/red")
    refused = gallery.post("/v1/spaces/colours/identify", json=ask)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_calibrated")


def test_embeddings_are_those_of_the_extractor(client, as_base64, png):
    images = [as_base64("red"), {"base64": "bm90IGFuIGltYWdl", "name": "bad"}, as_base64("blue")]
    extractor = load("color_texture")
    expected = extractor.extract([read_image(png("red")), read_image(png("blue"))])
    answer = client.post("/v1/embeddings", json={"images": images}).json()
    assert (answer["extractor"], answer["dimension"]) == ("color_texture", extractor.dimension)
    assert answer["fingerprint"] == extractor.fingerprint
    assert answer["embeddings"][1] is None
    assert [one["name"] for one in answer["failed"]] == ["bad"]
    np.testing.assert_array_equal(np.float32([answer["embeddings"][0], answer["embeddings"][2]]), expected)
    packed = client.post("/v1/embeddings", json={"images": images, "encoding": "base64"}).json()["embeddings"]
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(packed[2]), "<f4"), expected[1])


def test_embeddings_as_a_space_makes_them(gallery, as_base64):
    answer = gallery.post("/v1/embeddings", json={"images": [as_base64("red")], "space": "colours"}).json()
    stored = gallery.get("/v1/spaces/colours/images/shelf/red", params={"vector": True}).json()
    assert answer["embeddings"][0] == stored["vector"]
    both = gallery.post("/v1/embeddings", json={"images": [as_base64("red")], "space": "colours", "extractor": "phash"})
    assert both.status_code == 422


def test_no_more_extractors_are_loaded_than_may_be(start, as_base64):
    client = start(max_extractors=1)
    assert client.post("/v1/embeddings", json={"images": [as_base64("red")]}).status_code == 200
    refused = client.post("/v1/embeddings", json={"images": [as_base64("red")], "extractor": "phash"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")


def test_a_space_whose_extractor_changed_is_refused(gallery, as_base64):
    from util.records import SpaceInfo

    store = gallery.app.state.service.store
    store.create_space(SpaceInfo("old", "color_texture", 1664, "0" * 64, recipe="resize=128"))
    answer = gallery.post("/v1/spaces/old/search", json={"images": [as_base64("red")]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "fingerprint_mismatch")
