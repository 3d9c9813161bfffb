import base64
import hashlib
import json
from urllib.parse import quote

import pytest


def test_images_of_a_json_body_are_indexed_under_their_ids(gallery):
    stored = gallery.get("/v1/spaces/colours/images/shelf/red").json()
    assert (stored["id"], stored["item"], stored["vector"]) == ("shelf/red", "red", None)
    assert {**stored["metadata"], "sha256": ""} == {"item": "red", "warmth": 2, "tags": ["plain", "red"], "sha256": ""}
    assert gallery.get("/v1/spaces/colours").json()["count"] == 3


def test_an_image_without_an_id_is_called_after_its_bytes(client, png):
    data = png("green")
    answer = client.post("/v1/spaces/new/images", files={"image": ("green.png", data)}).json()
    assert answer["ids"] == [hashlib.sha256(data).hexdigest()]
    again = client.post("/v1/spaces/new/images", files={"image": ("green.png", data)}).json()
    assert (again["indexed"], again["skipped"], again["ids"]) == (0, 1, answer["ids"])


def test_a_form_says_things_for_each_image_or_for_all(client, png):
    files = [("image", (f"{colour}.png", png(colour))) for colour in ("red", "blue")]
    fields = {"id": ["a", "b"], "item": "cup", "metadata": ['{"n": 1}', '{"n": 2}']}
    answer = client.post("/v1/spaces/cups/images", files=files, data=fields)
    assert answer.json()["ids"] == ["a", "b"]
    stored = [client.get(f"/v1/spaces/cups/images/{id_}").json() for id_ in "ab"]
    assert [(one["item"], one["metadata"]["n"]) for one in stored] == [("cup", 1), ("cup", 2)]


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"id": "one for two"}, "2 images need as many fields 'id'"),
        ({"item": ["a", "b", "c"]}, "2 images need as many fields 'item'"),
        ({"metadata": "{not json"}, "not JSON"),
        ({"metadata": '{"n": NaN}'}, "not JSON"),
        ({"colour": "red"}, "invalid fields"),
        ({"create": ["true", "false"]}, "2 times"),
    ],
)
def test_a_form_with_wrong_fields(client, png, fields, part):
    files = [("image", (f"{colour}.png", png(colour))) for colour in ("red", "blue")]
    answer = client.post("/v1/spaces/cups/images", files=files, data=fields)
    assert answer.status_code == 422
    assert part in answer.json()["error"]["message"]
    assert client.get("/v1/spaces").json()["spaces"] == []


def test_an_image_that_cannot_be_read_is_listed_and_the_others_indexed(client, as_base64):
    images = [as_base64("red", id="good"), {"base64": "bm90IGFuIGltYWdl", "id": "bad"}, {"base64": "?", "id": "worse"}]
    answer = client.post("/v1/spaces/mixed/images", json={"images": images})
    assert answer.status_code == 200
    assert answer.json()["ids"] == ["good"]
    failed = {one["name"]: one["error"] for one in answer.json()["failed"]}
    assert failed.keys() == {"bad", "worse"}
    assert {error["code"] for error in failed.values()} == {"image_unreadable"}


def test_a_request_without_one_readable_image_is_an_error(client):
    answer = client.post("/v1/spaces/mixed/images", json={"images": [{"base64": "bm90IGFuIGltYWdl", "id": "bad"}]})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "image_unreadable"
    assert error["message"].startswith("bad: ")
    assert [one["name"] for one in error["detail"]["failed"]] == ["bad"]


def test_an_image_over_the_pixel_limit_is_too_large(start, png):
    client = start(settings={"max_image_pixels": 100})
    answer = client.post("/v1/spaces/large/images", files={"image": ("large.png", png("red"))})
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "image_too_large"


def test_writing_an_id_again_replaces_it(gallery, as_base64):
    gallery.post("/v1/spaces/colours/images", json={"images": [as_base64("green", id="shelf/red", item="green")]})
    assert gallery.get("/v1/spaces/colours").json()["count"] == 3
    assert gallery.get("/v1/spaces/colours/images/shelf/red").json()["item"] == "green"


def test_one_id_for_two_different_images_is_listed(client, as_base64):
    images = [as_base64("red", id="same"), as_base64("blue", id="same")]
    answer = client.post("/v1/spaces/twice/images", json={"images": images}).json()
    assert (answer["indexed"], answer["ids"]) == (1, ["same"])
    assert [(one["name"], one["error"]["code"]) for one in answer["failed"]] == [("same", "id_taken")]
    stored = client.get("/v1/spaces/twice/images/same").json()["metadata"]["sha256"]
    assert stored == hashlib.sha256(base64.b64decode(images[0]["base64"])).hexdigest(), "the first one counts"


def test_one_image_twice_has_one_fate(client, as_base64):
    good, bad = as_base64("red"), {"base64": "bm90IGFuIGltYWdl"}
    answer = client.post("/v1/spaces/twice/images", json={"images": [good, bad, good, bad]}).json()
    assert (answer["indexed"], len(answer["ids"])) == (1, 1)
    assert [one["name"] for one in answer["failed"]] == ["image 2", "image 4"]
    assert client.post("/v1/spaces/twice/images", json={"images": [bad, bad]}).status_code == 422


def test_a_space_is_not_made_where_that_is_not_wanted(client, as_base64):
    answer = client.post("/v1/spaces/absent/images", json={"images": [as_base64("red")], "create": False})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "space_not_found"
    assert client.get("/v1/spaces").json()["spaces"] == []


def test_a_new_space_takes_the_extractor_asked_for_and_keeps_it(client, as_base64):
    made = client.post("/v1/spaces/hashes/images", json={"images": [as_base64("red")], "extractor": "phash"})
    assert made.json()["extractor"] == "phash"
    other = client.post("/v1/spaces/hashes/images", json={"images": [as_base64("red")], "extractor": "color_texture"})
    assert other.status_code == 422
    assert "'phash'" in other.json()["error"]["message"]
    unknown = client.post("/v1/spaces/more/images", json={"images": [as_base64("red")], "extractor": "alexxnet"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, "extractor_unknown")


@pytest.mark.parametrize("name", ["-a", ".hidden", "a b", "ä", "a%00b", "..%2Fa", "x" * 129])
def test_a_new_space_needs_a_plain_name(client, as_base64, name):
    answer = client.post(f"/v1/spaces/{name}/images", json={"images": [as_base64("red")]})
    assert answer.status_code in (404, 422)
    assert client.get("/v1/spaces").json()["spaces"] == []


def test_deleting_takes_one_image_out(gallery):
    assert gallery.delete("/v1/spaces/colours/images/shelf/red").json() == {"deleted": 1}
    assert gallery.delete("/v1/spaces/colours/images/shelf/red").status_code == 404
    assert gallery.get("/v1/spaces/colours/images/shelf/red").status_code == 404
    assert gallery.get("/v1/spaces/colours").json()["count"] == 2


def test_a_vector_is_shown_to_who_asks(gallery):
    vector = gallery.get("/v1/spaces/colours/images/shelf/red", params={"vector": True}).json()["vector"]
    assert len(vector) == gallery.get("/v1/spaces/colours").json()["dimension"]
    assert sum(value * value for value in vector) == pytest.approx(1, abs=1e-5)


def test_no_more_images_a_request_than_allowed(start, as_base64, png):
    client = start(max_request_images=2)
    answer = client.post("/v1/spaces/many/images", json={"images": [as_base64("red")] * 3})
    assert answer.status_code == 422
    assert "1 to 2 images, not 3" in answer.json()["error"]["message"]
    files = [("image", ("a.png", png("red")))] * 3
    assert client.post("/v1/spaces/many/images", files=files).status_code == 422


def test_server_files_are_indexed_with_their_place_which_is_never_told(start, png, tmp_path):
    root = tmp_path / "photos"
    (root / "shelf").mkdir(parents=True)
    (root / "shelf" / "red.png").write_bytes(png("red"))
    client = start(image_roots=[root])
    answer = client.post("/v1/spaces/files/images", json={"images": [{"path": "shelf/red.png", "id": "a"}]})
    assert answer.json()["ids"] == ["a"]
    (root / "other.png").write_bytes(png("blue"))
    taken = client.post("/v1/spaces/files/images", json={"images": [{"path": "other.png", "id": "a"}]})
    assert taken.status_code == 422
    told = [answer, taken, client.get("/v1/spaces/files/images/a")]
    told.append(client.post("/v1/spaces/files/search", json={"images": [{"path": "shelf/red.png"}]}))
    assert not any(str(tmp_path) in one.text for one in told)
    stored = client.app.state.service.store.get("files", ["a"]).metadata[0]
    assert stored["path"] == str(root / "shelf" / "red.png"), "a verifier finds it there"


def test_metadata_survive_as_they_came(client, as_base64):
    metadata = {"text": "Ünï", "whole": 7, "part": 0.25, "true": True, "list": ["a", "b"], "none": None}
    client.post("/v1/spaces/kinds/images", json={"images": [as_base64("red", id="a", metadata=metadata)]})
    stored = client.get("/v1/spaces/kinds/images/a").json()["metadata"]
    del stored["sha256"]
    assert json.dumps(stored, sort_keys=True) == json.dumps(metadata, sort_keys=True)


@pytest.mark.parametrize(
    "metadata",
    [
        {"path": "/etc/passwd"},
        {"sha256": "0"},
        {"item": "x"},
        {"nested": {"a": 1}},
        {"bad name": 1},
        {"n": [1]},
        [],
        "x",
    ],
)
def test_metadata_that_cannot_be_kept(client, as_base64, metadata):
    answer = client.post("/v1/spaces/kinds/images", json={"images": [as_base64("red", metadata=metadata)]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_fields")


@pytest.mark.parametrize("id_", [".", "..", "a/../b", "./a", "a/.", "", "a\nb", "x" * 1025])
def test_ids_that_no_url_can_carry(client, as_base64, id_):
    answer = client.post("/v1/spaces/ids/images", json={"images": [as_base64("red", id=id_)]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_fields")


@pytest.mark.parametrize("id_", ["a/b c.jpg", "ä/ö", "a//b", "/a", "a/", "..a", "a?b#c", "a&b=c", "a+b", "~"])
def test_ids_that_urls_can_carry(client, as_base64, id_):
    answer = client.post("/v1/spaces/ids/images", json={"images": [as_base64("red", id=id_)]})
    assert answer.json()["ids"] == [id_]
    path = f"/v1/spaces/ids/images/{quote(id_)}"
    assert client.get(path).json()["id"] == id_
    assert client.delete(path).json() == {"deleted": 1}
