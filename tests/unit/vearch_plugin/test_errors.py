"""Every error has the one shape, whatever part of the service it comes from."""

import pytest
from starlette.responses import PlainTextResponse

from util import errors
from vearch_plugin.error_answers import add_error_style
from vearch_plugin.errors import ErrorAnswer, ServiceError, answer_for

KEY = "a-key-of-some-length"
SECRET = "/srv/private/nearid.db"
JSON, TEXT, FORM = (
    {"headers": {"content-type": kind}} for kind in ("application/json", "text/plain", "multipart/form-data")
)


def check_shape(answer, status, code):
    assert (answer.status_code, answer.json().keys()) == (status, {"error"}), answer.text
    error = answer.json()["error"]
    assert error.keys() == {"code", "message", "detail"}
    assert error["code"] == code
    assert error["message"]
    assert "\n" not in error["message"]
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("GET", "/nothing", {}, 404, "not_found"),
        ("GET", "/v1", {}, 404, "not_found"),
        ("PUT", "/health", {}, 405, "method_not_allowed"),
        ("GET", "/v1/embeddings", {}, 405, "method_not_allowed"),
        ("GET", "/v1/spaces/none", {}, 404, "space_not_found"),
        ("DELETE", "/v1/spaces/none", {}, 404, "space_not_found"),
        ("GET", "/v1/spaces/none/images/a", {}, 404, "space_not_found"),
        ("POST", "/v1/spaces/none/search", {"json": {"images": [{"base64": "AAAA"}]}}, 404, "space_not_found"),
        ("POST", "/v1/embeddings", {"json": {"images": []}}, 422, "invalid_fields"),
        ("POST", "/v1/embeddings", {"json": {}}, 422, "invalid_fields"),
        ("POST", "/v1/embeddings", {"json": {"images": [{}]}}, 422, "invalid_fields"),
        ("POST", "/v1/embeddings", {"json": [1]}, 422, "invalid_fields"),
        ("POST", "/v1/embeddings", {"json": {"images": [{"base64": "!"}]}}, 422, "image_unreadable"),
        ("POST", "/v1/embeddings", {"json": {"images": [{"url": "http://127.0.0.1/"}]}}, 422, "image_unreadable"),
        ("POST", "/v1/embeddings", {"json": {"images": [{"path": "../../etc/passwd"}]}}, 422, "image_unreadable"),
        ("POST", "/v1/embeddings", {"content": b"{", **JSON}, 422, "invalid_fields"),
        ("POST", "/v1/embeddings", {"content": b"\xff", **JSON}, 422, "invalid_fields"),
        ("POST", "/v1/embeddings", {"content": b"[" * 100_000, **JSON}, 422, "invalid_fields"),
        ("POST", "/v1/embeddings", {"content": b"a=b", **TEXT}, 415, "unsupported_media_type"),
        ("POST", "/v1/embeddings", {}, 415, "unsupported_media_type"),
        ("POST", "/v1/embeddings", {"content": b"x", **FORM}, 400, "invalid_request"),
        ("POST", "/v1/embeddings", {"files": {"photo": ("a.png", b"x")}}, 422, "invalid_fields"),
        ("POST", "/v1/embeddings", {"files": {"image": ("a.png", b"")}}, 422, "image_unreadable"),
        ("POST", "/v1/spaces/a", {"json": {"index": "HNSW1000"}}, 422, "invalid_fields"),
        ("POST", "/v1/spaces/a", {"json": {"extractor": "timm:resnet50"}}, 400, "extractor_unknown"),
        ("POST", "/v1/spaces/a", {"json": {"extractor": "../../grocery"}}, 400, "extractor_unknown"),
        ("GET", "/v1/spaces/a/images/b?vector=perhaps", {}, 422, "invalid_fields"),
        ("GET", "/v1/spaces/" + "a" * 300, {}, 422, "invalid_fields"),
    ],
)  # fmt: skip
def test_the_shape_of_errors(client, method, path, options, status, code):
    check_shape(client.request(method, path, **options), status, code)


def test_a_space_that_is_there_already(client):
    assert client.post("/v1/spaces/a").status_code == 201
    check_shape(client.post("/v1/spaces/a"), 409, "space_exists")


def test_the_key_the_size_and_the_rate(start):
    client = start(api_key=KEY, max_upload_bytes=100, rate_limit="4/hour")
    check_shape(client.get("/v1/spaces"), 401, "unauthorized")
    check_shape(client.get("/metrics"), 401, "unauthorized")
    headers = {"x-api-key": KEY}
    assert client.get("/v1/spaces", headers=headers).status_code == 200
    check_shape(client.post("/v1/embeddings", headers=headers, json={"images": "x" * 100}), 413, "body_too_large")
    refused = client.get("/v1/spaces", headers=headers)
    check_shape(refused, 429, "rate_limited")
    assert int(refused.headers["retry-after"]) >= 1
    assert [client.get(path).status_code for path in ("/health", "/docs", "/openapi.json")] == [200] * 3


def test_a_body_without_a_length_is_cut_off(start):
    client = start(max_upload_bytes=100)
    chunks = (b'{"images": [', b" " * 200, b"]}")
    answer = client.post("/v1/embeddings", content=iter(chunks), headers={"content-type": "application/json"})
    check_shape(answer, 413, "body_too_large")


def test_too_many_at_a_time(start):
    client = start(max_requests=1)
    with client.app.state.service.gate.passed():
        refused = client.get("/v1/spaces")
        check_shape(refused, 503, "overloaded")
        assert refused.headers["retry-after"] == "1"
        assert client.get("/health").status_code == 200
    assert client.get("/v1/spaces").status_code == 200
    assert 'nearid_refused_total{reason="overloaded"} 1.0' in client.get("/metrics").text


def test_a_bug_is_told_without_its_content(client):
    @client.app.get("/bug")
    async def bug():
        raise KeyError(SECRET)

    answer = client.get("/bug")
    check_shape_without_id = answer.json()["error"]
    assert (answer.status_code, check_shape_without_id["code"]) == (500, "internal")
    assert SECRET not in answer.text


def _all_errors(kind=errors.NearIdError):
    return [kind, *(child for direct in kind.__subclasses__() for child in _all_errors(direct))]


@pytest.mark.parametrize("kind", [kind for kind in _all_errors() if kind.__module__ == "util.errors"])
def test_every_error_of_the_library_has_a_status(kind):
    answer = answer_for(kind.__new__(kind, SECRET))  # whatever its constructor takes, this is its message
    assert 400 <= answer.status <= 503
    assert answer.code == kind.code
    private = (errors.StoreError, errors.ExtractorUnavailableError)
    shown = (errors.SpaceNotFoundError, errors.FingerprintMismatchError)
    if issubclass(kind, private) and not issubclass(kind, shown):
        assert SECRET not in answer.message


@pytest.mark.parametrize("kind", _all_errors(ServiceError))
def test_errors_of_the_service_say_what_they_are(kind):
    answer = answer_for(kind("why"))
    assert (answer.message, answer.status, answer.code) == ("why", kind.status, kind.code)


def test_some_paths_can_have_errors_of_another_shape(start):
    client = start(api_key=KEY)

    def render(answer: ErrorAnswer):
        return PlainTextResponse(f"551 {answer.code}", 551)

    add_error_style(client.app, lambda path: path == "/v1/other", render)
    refused = client.get("/v1/other")
    assert (refused.status_code, refused.text) == (551, "551 unauthorized"), "also those of the middleware"
    assert refused.headers["www-authenticate"] == "Bearer"
    missing = client.get("/v1/other", headers={"x-api-key": KEY})
    assert (missing.status_code, missing.text) == (551, "551 not_found")
    check_shape(client.get("/v1/spaces"), 401, "unauthorized")


@pytest.mark.parametrize("index", ["auto", "flat", "hnsw", "ivfpq", "HNSW16"])
def test_a_search_index_by_name_or_factory_string(client, index):
    answer = client.post("/v1/spaces/a", json={"index": index})
    assert answer.status_code == 201
    assert answer.json()["index"] == index


@pytest.mark.parametrize("index", ["annoy", "hnsw:m=999", "IVF9999999,Flat", "HNSW32 "])
def test_a_search_index_that_takes_too_much_is_refused(client, index):
    check_shape(client.post("/v1/spaces/a", json={"index": index}), 422, "invalid_fields")
