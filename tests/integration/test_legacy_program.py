"""A program of 2021 runs unchanged on the service, whatever store lies behind it.

The functions below are such a program: they send what the bottle programs sent to the plugin, by the same calls, and
read of the answers what those read. Nothing in them knows NearID.
"""

import base64
import json
from uuid import uuid4

import numpy as np
import pytest
import requests
from vearch_wire import VearchServer

from util.image_extract import describe

HEADERS = {"Content-Type": "application/json"}
STORES = {
    "embedded": "embedded:{folder}/nearid.db",
    "qdrant, in the process": "qdrant+local:{folder}/qdrant",
    "vearch, on loopback": None,
}


def init_vearch(server: str, dimension: int) -> list[str]:
    answers = [requests.put(f"{server}/db/_create", json={"name": "bottle"}, headers=HEADERS).text]
    space = {
        "name": "bottle",
        "partition_num": 1,
        "replica_num": 1,
        "engine": {
            "name": "gamma",
            "index_size": 70000,
            "max_size": 10000000,
            "id_type": "String",
            "retrieval_type": "IVFPQ",
            "retrieval_param": {"metric_type": "InnerProduct", "ncentroids": 256, "nsubvector": 32},
        },
        "properties": {
            "image_name": {"type": "keyword", "index": True},
            "image": {"type": "vector", "dimension": dimension, "format": "normalization"},
            "model_name": {"type": "keyword", "index": True},
            "keyword": {"type": "keyword", "index": True},
            "tags": {"type": "string", "array": True, "index": True},
            "uuid": {"type": "keyword", "index": True},
            "sid": {"type": "keyword", "index": True},
        },
    }
    answers.append(requests.put(f"{server}/space/bottle/_create", json=space, headers=HEADERS).text)
    answers.append(requests.get(f"{server}/space/bottle/bottle", json={"name": "bottle"}, headers=HEADERS).text)
    return answers


class VearchUtil:
    def __init__(self, server: str, model_name: str, extract_feature) -> None:
        self.server, self.model_name, self.extract_feature = server, model_name, extract_feature

    def add_image_index(self, image_name, sid, keyword, tags, uuid=None):
        uuid = uuid or str(uuid4())
        data = {
            "image_name": image_name,
            "image": {"feature": self.extract_feature(image_name)},
            "model_name": self.model_name,
            "keyword": keyword,
            "uuid": uuid,
            "sid": sid,
            "tags": tags,
        }
        response = requests.post(f"{self.server}/bottle/bottle/{uuid}", json=data, headers=HEADERS)
        assert response.status_code == 200, response.text
        return response.text

    def search_by_image(self, image, keyword=None):
        terms = [{"term": {"operator": "and", "model_name": [self.model_name]}}]
        if keyword is not None:
            terms.insert(0, {"term": {"operator": "and", "keyword": [keyword]}})
        query = {"filter": terms, "sum": [{"feature": self.extract_feature(image), "field": "image"}]}
        body = json.dumps({"query": query, "is_brute_search": 1})
        response = requests.post(f"{self.server}/bottle/bottle/_search?size=10", data=body, headers=HEADERS)
        if response.status_code != 200:
            raise RuntimeError(response.text)
        hits = json.loads(response.text)["hits"]
        if hits["total"] == 0:
            return {"score": -1, "vearch_id": None, "data": ""}
        best = hits["hits"][0]
        return {"score": best["_score"], "vearch_id": best["_id"], "data": best["_source"]}

    def delte_image_index(self, uuid):
        response = requests.delete(f"{self.server}/bottle/bottle/{uuid}", headers=HEADERS)
        assert response.status_code == 200, response.text
        return response.text


@pytest.fixture
def vearch_url():
    """The URL of an empty store on what speaks Vearch's REST interface (see tests/servers/vearch_wire)."""
    vearch = VearchServer()
    yield vearch.url
    vearch.stop()


@pytest.fixture(params=STORES)
def server(request, start_service, tmp_path, catalogue):
    """The service over each store, with the catalogue's photos in its image folder."""
    store = STORES[request.param]
    store = request.getfixturevalue("vearch_url") if store is None else store.format(folder=tmp_path)
    return start_service(store=store, extractor="color_texture", image_roots=(catalogue,))


DIMENSION = describe(name="color_texture")[0].dimension


def as_path(photo):
    return str(photo)


def as_base64(photo):
    return base64.b64encode(photo.read_bytes()).decode()


def made_by_the_program(photo):
    """A model of the program's own: the mean colours of sixteen fields of a photo, of any length."""
    from PIL import Image

    small = Image.open(photo).resize((4, 4), Image.Resampling.BOX)
    return (np.asarray(small, dtype=np.float64).ravel() - 128).tolist()


WAYS = {"vectors": made_by_the_program, "paths": as_path, "base64": as_base64}


@pytest.mark.parametrize("way", WAYS)
def test_the_bottle_program(server, catalogue, way):
    program = VearchUtil(server, "vgg16", lambda photo: WAYS[way](catalogue / photo))
    created, space, described = init_vearch(server, 48 if way == "vectors" else DIMENSION)
    assert json.loads(created) == {"code": 200, "msg": "success", "data": {"id": 1, "name": "bottle"}}
    assert json.loads(space) == json.loads(described)
    assert json.loads(space)["code"] == 200

    photos = sorted(path.relative_to(catalogue).as_posix() for path in catalogue.glob("gallery/*/*.jpg"))
    for number, photo in enumerate(photos):
        item = photo.split("/")[1]
        shelf = "left" if item in ("item0", "item1") else "right"
        answer = json.loads(
            program.add_image_index(photo, sid=str(number), keyword=shelf, tags=item, uuid=f"u{number}")
        )
        assert (answer["_index"], answer["_type"], answer["_id"]) == ("bottle", "bottle", f"u{number}")
        assert (answer["status"], answer["result"], answer["_shards"]["failed"]) == (200, "created", 0)

    for item in ("item0", "item1", "item2", "item3", "item4"):
        found = program.search_by_image(f"queries/{item}/4.jpg")
        assert found["data"]["tags"] == [item]
        assert 0.5 < found["score"] <= 1.0001
        assert found["vearch_id"] == f"u{found['data']['sid']}"
    elsewhere = program.search_by_image("queries/item0/4.jpg", keyword="right")
    assert elsewhere["data"]["keyword"] == "right"
    assert program.search_by_image("queries/item0/4.jpg", keyword="nowhere")["score"] == -1

    first = program.search_by_image(photos[0])
    assert first["vearch_id"] == "u0"
    program.delte_image_index("u0")
    assert program.search_by_image(photos[0])["vearch_id"] != "u0"

    assert requests.delete(f"{server}/space/bottle/bottle").json() == {"code": 200, "msg": "success"}
    assert requests.delete(f"{server}/db/bottle").json() == {"code": 200, "msg": "success"}


def test_two_documents_of_one_image_are_two(server, catalogue):
    init_vearch(server, DIMENSION)
    program = VearchUtil(server, "vgg16", lambda photo: str(catalogue / photo))
    for uuid in ("a", "b"):
        program.add_image_index("gallery/item0/0.jpg", sid="1", keyword="", tags=["x"], uuid=uuid)
    found = search(server, program.extract_feature("gallery/item0/0.jpg"))
    assert sorted(hit["_id"] for hit in found["hits"]["hits"]) == ["a", "b"]


def search(server: str, feature, path="bottle/bottle", **more) -> dict:
    query = {
        "sum": [{"field": "image", "feature": feature, **more.pop("vector", {})}],
        "filter": more.pop("filter", []),
    }
    answer = requests.post(f"{server}/{path}/_search", json={"query": query, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_all_that_a_space_does(server):
    """The rest of the routes, with vectors that a person can check."""
    init_vearch(server, 2)
    place = f"{server}/bottle/bottle"
    lines = [
        {"index": {"_id": "east"}},
        {"image": {"feature": [1, 0], "source": "map"}, "keyword": "k", "tags": ["a", "b"]},
        {"index": {"_id": "north"}},
        {"image": {"feature": [0, 5]}, "keyword": "k", "tags": ["a"]},
        {"index": {"_id": "west"}},
        {"image": {"feature": [-2, 0]}, "keyword": "l"},
        {"index": {"_id": "nowhere"}},
        {"image": {"feature": [1, 2, 3]}},
    ]
    answers = requests.post(f"{place}/_bulk", data="\n".join(map(json.dumps, lines))).json()
    assert [(one["_id"], one["status"]) for one in answers] == [
        ("east", 200), ("north", 200), ("west", 200), ("nowhere", 551),
    ]  # fmt: skip
    assert "dimension 2" in answers[3]["error"]

    made = requests.post(f"{place}/", json={"image": {"feature": [0.8, 0.6]}, "keyword": "k"}).json()
    assert made["status"] == 201
    found = search(server, [1, 0], size=3)["hits"]
    assert [(hit["_id"], round(hit["_score"], 5)) for hit in found["hits"]] == [
        ("east", 1.0), (made["_id"], 0.8), ("north", 0.0),
    ]  # fmt: skip
    assert (found["total"], round(found["max_score"], 5)) == (3, 1.0)
    first = found["hits"][0]
    assert first["_extra"]["vector_result"] == [{"field": "image", "source": "map", "score": first["_score"]}]
    assert first["_source"] == {"keyword": "k", "tags": ["a", "b"]}

    def ids(**more):
        return [hit["_id"] for hit in search(server, [1, 0], **more)["hits"]["hits"]]

    assert ids(filter=[{"term": {"tags": ["a", "b"], "operator": "and"}}]) == ["east"]
    assert ids(filter=[{"term": {"tags": ["a", "b"], "operator": "or"}}]) == ["east", "north"]
    assert ids(filter=[{"term": {"tags": ["a"], "operator": "not"}}]) == [made["_id"], "west"]
    assert ids(vector={"min_score": 0.5, "max_score": 1.0}) == ["east", made["_id"]]
    assert ids(vector={"max_score": 0.9}) == [made["_id"], "north", "west"]
    halved = search(server, [1, 0], vector={"boost": 0.5}, fields=["keyword"], vector_value=True)["hits"]["hits"][0]
    assert (halved["_score"], halved["_source"]) == (0.5, {"keyword": "k"})

    updated = requests.post(f"{place}/west/_update", json={"doc": {"keyword": "k"}}).json()
    assert (updated["result"], updated["status"]) == ("updated", 200)
    document = requests.get(f"{place}/west").json()
    assert document["found"]
    assert document["_source"] == {"keyword": "k", "image": {"source": "", "feature": [-1.0, 0.0]}}
    assert requests.get(f"{place}/missing").json() == {
        "_index": "bottle", "_type": "bottle", "_id": "missing", "found": False,
    }  # fmt: skip
    both = requests.post(
        f"{place}/_query_byids", json={"query": {"ids": ["west", "none"], "fields": ["keyword"]}}
    ).json()
    assert [(one["_id"], one["found"], one.get("_source")) for one in both] == [
        ("west", True, {"keyword": "k"}), ("none", False, None),
    ]  # fmt: skip

    health = requests.get(f"{server}/_cluster/health").json()
    assert [(one["db_name"], one["doc_num"], one["status"]) for one in health] == [("bottle", 4, "green")]
    assert requests.get(f"{server}/list/server").json()["data"]["count"] == 1
    assert requests.get(f"{server}/_cluster/stats").json()[0]["partition_infos"][0]["doc_num"] == 4
    assert requests.post(f"{place}/_flush").json()["_shards"]["successful"] == 1

    chosen = {"query": {"sum": [{}], "filter": [{"term": {"tags": ["a"]}}]}}
    assert requests.post(f"{place}/_delete_by_query", json=chosen).json()["DelNum"] == 2
    assert ids() == [made["_id"], "west"]
    assert requests.post(f"{place}/_bulk", data='{"delete": {"_id": "west"}}').json()[0]["status"] == 200
    assert ids() == [made["_id"]]


def test_squared_distances_where_the_space_says_so(server):
    requests.put(f"{server}/db/_create", json={"name": "d"})
    space = {
        "name": "s",
        "engine": {
            "name": "gamma",
            "retrieval_type": "FLAT",
            "retrieval_param": {"metric_type": "L2"},
            "id_type": "long",
        },
        "properties": {"image": {"type": "vector", "dimension": 2}},
    }
    assert requests.put(f"{server}/space/d/_create", json=space).json()["code"] == 200
    for id_, vector in {"1": [1, 0], "2": [0, 1], "3": [-1, 0]}.items():
        assert requests.post(f"{server}/d/s/{id_}", json={"image": {"feature": vector}}).json()["_id"] == int(id_)
    hits = search(server, [1, 0], "d/s")["hits"]["hits"]
    assert [(hit["_id"], round(hit["_score"], 4)) for hit in hits] == [(1, 0.0), (2, 2.0), (3, 4.0)]
    near = search(server, [1, 0], "d/s", vector={"max_score": 2.5})["hits"]["hits"]
    assert [hit["_id"] for hit in near] == [1, 2]


def test_how_the_master_and_the_plugin_said_no(server):
    init_vearch(server, 2)
    master = [
        (
            requests.put(f"{server}/db/_create", json={"name": "bottle"}),
            {"code": 550, "msg": "dbname bottle is exists"},
        ),
        (requests.get(f"{server}/space/bottle/none"), {"code": 565, "msg": "space_notexists"}),
        (requests.delete(f"{server}/space/bottle/none"), {"code": 565, "msg": "space_notexists"}),
        (requests.get(f"{server}/db/none"), {"code": 562, "msg": "db_notexists"}),
        (requests.delete(f"{server}/db/bottle"), {"code": 563, "msg": "db_not_empty"}),
    ]
    for answer, body in master:
        assert (answer.status_code, answer.json()) == (551, body)
    plugin = [
        (requests.put(f"{server}/db/_create"), "The request data can not be empty!"),
        (requests.put(f"{server}/db/_create", json={"name": "list"}), "The name of db can not in"),
        (requests.post(f"{server}/bottle/bottle/_msearch", json={}), "'_msearch' is no operation"),
        (requests.post(f"{server}/bottle/bottle/1", json={"image": {"feature": [1.0]}}), "dimension 2"),
        (
            requests.post(f"{server}/bottle/bottle/1", json={"image": {"feature": "a.jpg"}}),
            "vectors of the programs' own",
        ),
        (requests.post(f"{server}/bottle/bottle/1", data="{"), "not valid JSON"),
        (requests.patch(f"{server}/bottle/bottle/1"), "PATCH is not a method of this path"),
        (requests.get(f"{server}/list/partition"), "no such path"),
    ]
    for answer, part in plugin:
        assert answer.status_code == 551
        assert part in answer.text


def test_two_services_on_one_store_see_the_same_databases(start_service, tmp_path):
    one, other = (start_service(store=f"embedded:{tmp_path}/nearid.db") for _ in range(2))
    init_vearch(one, 2)
    requests.post(f"{other}/bottle/bottle/x", json={"image": {"feature": [1, 0]}})
    assert requests.get(f"{one}/bottle/bottle/x").json()["found"]
    assert requests.get(f"{other}/list/db").json()["data"] == [{"id": 1, "name": "bottle"}]


def test_the_api_key_guards_these_routes_too(start_service):
    server = start_service(api_key="0123456789abcdef")
    assert requests.put(f"{server}/db/_create", json={"name": "bottle"}).status_code == 401
    keyed = requests.put(f"{server}/db/_create", json={"name": "bottle"}, headers={"X-API-Key": "0123456789abcdef"})
    assert keyed.json()["code"] == 200


def test_no_file_outside_the_image_folders_is_read(server, tmp_path, catalogue):
    secret = tmp_path / "secret.jpg"
    secret.write_bytes((catalogue / "gallery/item0/0.jpg").read_bytes())
    init_vearch(server, DIMENSION)
    for path in (str(secret), f"../{tmp_path.name}/secret.jpg", "/etc/passwd", "http://127.0.0.1:1/a.jpg"):
        answer = requests.post(f"{server}/bottle/bottle/1", json={"image": {"feature": path}})
        assert answer.status_code == 551
        assert str(tmp_path) not in answer.text.replace(path, "")
    assert not requests.get(f"{server}/bottle/bottle/1").json()["found"]
