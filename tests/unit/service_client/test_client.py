"""What the client sends and what it makes of the answers; the service itself is asked in tests/integration."""

import base64

import numpy as np
import pytest

from util.errors import ImageError, InvalidInputError
from util.images import read_image
from util.records import ImageRecord
from util.service_client import Failed, ImageUrl, NearIDClient, ServerPath, ServiceUnreachableError, encode_png
from util.vector_store.filters import Range

PIXELS = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


@pytest.fixture
def client(scripted):
    with NearIDClient(scripted.url, retries=0, batch_size=2) as made:
        yield made


def indexed(asked):
    ids = [image["id"] for image in asked.body["images"]]
    return 200, {
        "space": "milk", "extractor": "phash", "indexed": len(ids), "skipped": 0, "relabelled": 0, "ids": ids,
        "failed": [],
    }  # fmt: skip


def results(asked):
    return 200, {
        "space": "milk",
        "results": [{"query": query["name"], "hits": []} for query in asked.body["images"]],
        "failed": [],
    }


def test_images_travel_in_batches(scripted, client):
    scripted.answers = [indexed]
    records = [ImageRecord(str(number), "", data=encode_png(PIXELS)) for number in range(5)]
    done = client.index("milk", iter(records), extractor="phash")
    assert (done.indexed, done.ids) == (5, ("0", "1", "2", "3", "4"))
    assert [len(asked.body["images"]) for asked in scripted.asked] == [2, 2, 1]
    assert {asked.body["extractor"] for asked in scripted.asked} == {"phash"}


def test_large_images_travel_alone(scripted, client, monkeypatch):
    monkeypatch.setattr("util.service_client.images.BATCH_BYTES", 10)
    scripted.answers = [indexed]
    client.index("milk", [ImageRecord(name, "", data=encode_png(PIXELS)) for name in "ab"])
    assert [len(asked.body["images"]) for asked in scripted.asked] == [1, 1]


def test_an_image_in_each_of_its_forms(scripted, client, tmp_path):
    scripted.answers = [results]
    path = tmp_path / "a.png"
    path.write_bytes(encode_png(PIXELS))
    forms = [path, str(path), path.read_bytes(), PIXELS, ServerPath("shelf/a.png"), ImageUrl("https://x.org/a.png")]
    client.search("milk", forms)
    sent = [query for asked in scripted.asked for query in asked.body["images"]]
    for query in sent[:4]:
        np.testing.assert_array_equal(read_image(base64.b64decode(query["base64"])), PIXELS)
    assert [query["name"] for query in sent] == [str(path), str(path), "query 3", "query 4", "query 5", "query 6"]
    assert (sent[4]["path"], sent[5]["url"]) == ("shelf/a.png", "https://x.org/a.png")


def test_options_and_filters(scripted, client):
    scripted.answers = [results]
    where = {"item": ["milk", "cream"], "year": Range(gte=1900), "sold": True}
    client.search("milk", [PIXELS], k=3, where=where, min_score=0.5)
    body = scripted.asked[0].body
    assert (body["k"], body["min_score"]) == (3, 0.5)
    assert body["where"] == {"item": ["milk", "cream"], "year": {"gte": 1900}, "sold": True}


def test_options_not_given_are_the_services_own(scripted, client):
    scripted.answers = [results]
    client.search("milk", [PIXELS])
    assert set(scripted.asked[0].body) == {"k", "images"}


def test_what_cannot_be_read_here_is_listed_and_the_rest_goes_on(scripted, client, tmp_path):
    scripted.answers = [results]
    missing, empty = tmp_path / "missing.jpg", tmp_path / "empty.jpg"
    empty.write_bytes(b"")
    found = client.search("milk", [missing, PIXELS, empty])
    assert [result.query for result in found.results] == ["query 2"]
    assert [failed.name for failed in found.failed] == [str(missing), str(empty)]


def test_images_that_the_service_cannot_read_do_not_stop_the_others(scripted, client, error_body):
    detail = {"failed": [{"name": "query 1", "code": "image_unreadable", "message": "is no image"}]}
    scripted.answers = [(422, error_body("image_unreadable", "query 1: is no image", detail)), results]
    found = client.search("milk", [b"x", b"y", PIXELS])
    assert found.failed == (Failed("query 1", "is no image"),)
    assert [result.query for result in found.results] == ["query 3"]


def test_photos_of_one_item_travel_together(scripted, client):
    scripted.answers = [(200, {"space": "milk", "decisions": [], "failed": []})]
    client.identify("milk", [PIXELS] * 5, one_item=True)
    assert [len(asked.body["images"]) for asked in scripted.asked] == [5]


def test_names_are_quoted(scripted, client):
    scripted.answers = [(200, {"deleted": 1})]
    assert client.delete("milk", "a/b c?d#e")
    assert scripted.asked[0].path == "/v1/spaces/milk/images/a%2Fb%20c%3Fd%23e"


def test_no_images_no_request(scripted, client):
    assert client.search("milk", []).results == ()
    assert client.index("milk", []).indexed == 0
    with pytest.raises(InvalidInputError, match="none was given"):
        client.embed([])
    assert scripted.asked == []


@pytest.mark.parametrize(
    "answer",
    [{}, {"results": [{}], "failed": []}, {"results": 5, "failed": []}, [1],
     {"results": [{"query": "q", "hits": [{"id": "a", "item": None, "score": "high", "metadata": {}}]}], "failed": []}],
)  # fmt: skip
def test_answers_of_another_kind(scripted, client, answer):
    scripted.answers = [(200, answer)]
    with pytest.raises(ServiceUnreachableError, match="does not answer as a NearID service"):
        client.search("milk", [PIXELS])


def test_what_is_no_image(client):
    with pytest.raises(InvalidInputError, match="an image is a path"):
        client.search("milk", [42])
    with pytest.raises(ImageError):
        encode_png(np.zeros((2, 2, 7), dtype=np.uint8))


def test_health_and_readiness(scripted, client, error_body):
    scripted.answers = [(200, {"status": "ok"}), (503, error_body("unavailable"))]
    assert client.healthy()
    assert not client.ready()
    with NearIDClient("http://127.0.0.1:9", retries=0, timeout=1) as nobody:
        assert not nobody.healthy()


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"timeout": 0}, {"retries": -1}])
def test_options_that_cannot_be_used(options):
    with pytest.raises(InvalidInputError):
        NearIDClient("http://localhost:4101", **options)
