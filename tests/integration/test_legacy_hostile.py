"""A thousand malformed requests to 2021's routes: each is told why not, and nothing that is stored is harmed."""

import copy
import json
import random

import pytest
from starlette.testclient import TestClient

from config.settings import ServiceSettings, Settings
from vearch_plugin.app import create_app

SPACE = {
    "name": "kept",
    "partition_num": 1,
    "engine": {"name": "gamma", "retrieval_type": "IVFPQ", "retrieval_param": {"metric_type": "InnerProduct"}},
    "properties": {
        "image": {"type": "vector", "dimension": 2, "format": "normalization"},
        "keyword": {"type": "keyword", "index": True},
        "tags": {"type": "string", "array": True},
        "views": {"type": "integer"},
        "day": {"type": "date"},
    },
    "models": [{"model_id": "vgg16"}],
}
DOCUMENT = {
    "image": {"feature": [0.6, 0.8], "source": "s"},
    "keyword": "x", "tags": ["x"], "views": 3, "day": "2021-03-01",
}  # fmt: skip
QUERY = {
    "query": {
        "sum": [{"field": "image", "feature": [0.6, 0.8], "boost": 1.0, "min_score": 0.1, "format": "no"}],
        "filter": [
            {"term": {"keyword": ["x"], "operator": "and"}},
            {"range": {"views": {"gte": 1, "lte": 3}}},
        ],
    },
    "size": 5,
    "fields": ["keyword"],
    "sort": ["_score"],
    "vector_value": True,
    "is_brute_search": 1,
}
# What is malformed must not be taken for a command that is: no id here is that of a document to be kept.
REQUESTS = [
    ("PUT", "/db/_create", {"name": "other"}),
    ("PUT", "/space/kept/_create", {**SPACE, "name": "other"}),
    ("POST", "/kept/kept/other", DOCUMENT),
    ("POST", "/kept/kept", DOCUMENT),
    ("POST", "/kept/kept/other/_update", {"doc": DOCUMENT}),
    ("POST", "/kept/kept/_search?size=3", QUERY),
    ("POST", "/kept/kept/_query_byids", {"query": {"ids": ["other"], "fields": ["keyword"]}}),
    ("POST", "/kept/kept/_delete_by_query", {"query": QUERY["query"]}),
    ("POST", "/kept/images/other", {"image": {"feature": "iVBORw0KGgo="}}),
    ("POST", "/kept/images/_search", {"query": {"sum": [{"field": "image", "feature": "shelf/1.jpg"}]}}),
    ("POST", "/kept/missing/_search", QUERY),
    ("POST", "/missing/kept/1", DOCUMENT),
]
JUNK = [
    None, True, 0, -1, 10**30, 1e308, -0.0, "", " ", "\0", "x" * 3000, "é🍾", [], {}, [[]], [None], [1e308, 1e308],
    {"feature": {}}, {"feature": [[1]]}, {"term": {}}, "../../etc/passwd", "/etc/passwd.jpg", "file:///etc/passwd",
    "http://169.254.169.254/latest.jpg", "data:image/png;base64,AAAA", "data:,", [0.1] * 5000, "' OR 1=1 --", "%00",
    "__proto__", "_id", "a.b", "1970-01-01", "not-a-date", [["a"], {"b": 1}],
]  # fmt: skip
GARBAGE = [b"", b"{", b"null", b"[]", b"\xff\xfe\x00", b'{"a": NaN}', b'{"query": "\\ud800"}', b"[" * 50_000, b'""']


def places(value, path=()):
    """The path to every value inside a JSON value."""
    found = [path]
    for key, inside in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        found += places(inside, (*path, key))
    return found


def mutated(body, rng):
    """The body with one to three of its values replaced, removed or doubled."""
    body = copy.deepcopy(body)
    for _ in range(rng.randint(1, 3)):
        path = rng.choice([path for path in places(body) if path] or [()])
        if not path:
            return rng.choice(JUNK)
        inside = body
        for key in path[:-1]:
            inside = inside[key]
        action = rng.random()
        if action < 0.7:
            inside[path[-1]] = copy.deepcopy(rng.choice(JUNK))
        elif action < 0.85:
            del inside[path[-1]]
        elif isinstance(inside, dict):
            inside[rng.choice(["", "_id", "path", "sum", "$where", "é"])] = copy.deepcopy(rng.choice(JUNK))
    return body


def as_sent(body, rng):
    text = json.dumps(body).encode()
    kind = rng.random()
    if kind < 0.1:
        return rng.choice(GARBAGE)
    if kind < 0.2:
        return text[: rng.randrange(len(text))]
    if kind < 0.25:
        position = rng.randrange(len(text))
        return text[:position] + bytes([rng.randrange(256)]) + text[position + 1 :]
    return text


@pytest.fixture
def client(tmp_path):
    settings = Settings(_env_file=None, store=f"embedded:{tmp_path / 'nearid.db'}", extractor="phash")
    limits = ServiceSettings(_env_file=None, rate_limit="none", request_timeout=600)
    with TestClient(create_app(settings, limits), raise_server_exceptions=False) as client:
        yield client


def put_what_is_to_be_kept(client):
    client.put("/db/_create", json={"name": "kept"})
    assert client.put("/space/kept/_create", json=SPACE).json()["code"] == 200
    images = {**SPACE, "name": "images", "properties": {"image": {"type": "vector", "dimension": 64}}}
    assert client.put("/space/kept/_create", json=images).json()["code"] == 200
    for id_, vector in {"a": [1, 0], "b": [0, 1]}.items():
        body = {"image": {"feature": vector}, "keyword": "kept", "tags": ["kept"], "views": 99}
        assert client.post(f"/kept/kept/{id_}", json=body).status_code == 200


def what_is_kept(client):
    return [client.get(f"/kept/kept/{id_}").json() for id_ in ("a", "b")], client.get("/space/kept/kept").json()


@pytest.mark.slow
def test_a_thousand_malformed_requests(client):
    put_what_is_to_be_kept(client)
    before = what_is_kept(client)
    rng = random.Random(20210307)
    answers = []
    for _ in range(1000):
        method, path, body = rng.choice(REQUESTS)
        sent = as_sent(mutated(body, rng), rng)
        answer = client.request(method, path, content=sent, headers={"Content-Type": "application/json"})
        answers.append(answer.status_code)
        assert answer.status_code in (200, 551) or 400 <= answer.status_code < 500, (path, sent[:300], answer.text)
        assert "Traceback" not in answer.text
        assert "nearid.db" not in answer.text
        if answer.status_code == 551:
            assert answer.text.strip(), "says why not"
    assert answers.count(551) > 500, "most of them cannot be done"
    assert what_is_kept(client) == before
    found = client.post("/kept/kept/_search", json={"query": {"sum": [{"field": "image", "feature": [1, 0]}],
                        "filter": [{"term": {"keyword": "kept"}}]}}).json()  # fmt: skip
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["a", "b"]


@pytest.mark.parametrize(
    "line", [b"x", b"{}", b'{"index": {}}', b'{"index": {"_id": "z"}}\n{"image": {}}', b"\xff", b""]
)
def test_malformed_bulk_requests(client, line):
    put_what_is_to_be_kept(client)
    before = what_is_kept(client)
    good = b'{"index": {"_id": "good"}}\n{"image": {"feature": [1, 1]}}\n'
    answer = client.post("/kept/kept/_bulk", content=good + line)
    assert answer.status_code in (200, 551)
    assert what_is_kept(client) == before
    written = client.get("/kept/kept/good").json()["found"]
    assert written == (answer.status_code == 200), "a request that cannot be read does nothing at all"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/kept/kept/../../etc/passwd"),
        ("GET", "/kept/kept/%2e%2e%2f%2e%2e%2fetc%2fpasswd"),
        ("GET", "/kept/..%2fkept/a"),
        ("GET", "/kept/kept/%00"),
        ("GET", "/kept/kept/%ff%fe"),
        ("GET", "/kept/kept/" + "x" * 5000),
        ("POST", "/kept/kept/_bulk_search"),
        ("POST", "/space/kept/kept"),
        ("DELETE", "/db/%2e%2e"),
        ("DELETE", "/space/kept/" + "y" * 5000),
        ("PUT", "/space/%00/_create"),
        ("GET", "/list/space?db=" + "z" * 5000),
        ("POST", "/kept/kept/_search?size=99999999999999999999"),
        ("GET", "/db/" + "9" * 400),
    ],
)
def test_hostile_paths(client, method, path):
    put_what_is_to_be_kept(client)
    before = what_is_kept(client)
    answer = client.request(method, path, content=b"{}" if method != "GET" else None)
    assert answer.status_code in (200, 551) or 400 <= answer.status_code < 500
    assert "root:" not in answer.text
    assert what_is_kept(client) == before
