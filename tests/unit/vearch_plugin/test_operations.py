import io
import json
import logging
import subprocess
import sys

import pytest

from vearch_plugin.logs import json_handler
from vearch_plugin.observing import access_log


def test_it_is_ready_when_the_store_and_the_extractor_are(client):
    client.app.state.service.open()
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()) == (200, {"store": True, "extractor": True})


def test_it_lives_but_is_not_ready_while_the_store_is_away(start, tmp_path):
    (tmp_path / "store.db").mkdir()
    client = start()
    assert client.get("/health").json() == {"status": "ok"}
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["error"]["detail"]["store"]) == (503, False)
    refused = client.get("/v1/spaces")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_unavailable")
    assert str(tmp_path) not in refused.text
    (tmp_path / "store.db").rmdir()
    assert client.get("/v1/spaces").status_code == 200, "it is opened again by itself"


def test_metrics_count_requests_by_pattern_and_images_by_pass(gallery, as_base64):
    gallery.post("/v1/spaces/colours/search", json={"images": [as_base64("red"), as_base64("blue")]})
    gallery.get("/v1/spaces/secret-name")
    gallery.get("/secret-path")
    text = gallery.get("/metrics").text
    assert 'nearid_requests_total{method="POST",route="/v1/spaces/{space}/search",status="200"} 1.0' in text
    assert 'nearid_requests_total{method="GET",route="/v1/spaces/{space}",status="404"} 1.0' in text
    assert "secret" not in text
    assert "nearid_pass_images_sum 5.0" in text, "three indexed, two asked with"
    assert "nearid_images_queued 0.0" in text
    assert "nearid_requests_in_work 1.0" in text, "the one that asks"


def test_extractors_are_listed(client):
    told = {one["name"]: one for one in client.get("/v1/extractors").json()["extractors"]}
    assert told["color_texture"] == {
        "name": "color_texture", "dimension": 1664, "recipe": "resize=128", "weights": "none needed",
    }  # fmt: skip


def test_an_answer_carries_the_id_of_its_request(client):
    assert client.get("/health", headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    made = {client.get("/health", headers={"x-request-id": bad}).headers["x-request-id"] for bad in ("a b", "x" * 65)}
    assert len(made) == 2
    assert all(len(one) == 32 for one in made)


@pytest.fixture
def logs():
    written = io.StringIO()
    handler = json_handler(written)
    logger = logging.getLogger("vearch_plugin")
    logger.addHandler(handler)
    access_log.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    logger.removeHandler(handler)
    access_log.setLevel(logging.NOTSET)


def test_logs_go_to_standard_error_as_json_lines():
    code = "from vearch_plugin.logs import configure_logs as c; import logging; c('error'); "
    code += "logging.getLogger('a').warning('w'); logging.getLogger('a').error('e')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert {**json.loads(line), "time": ""} == {
        "time": "", "level": "ERROR", "logger": "a", "message": "e", "request_id": "",
    }  # fmt: skip


def test_one_line_a_request_with_its_id_and_without_its_content(logs, client, as_base64):
    image = as_base64("red")
    client.post("/v1/spaces/a/images?token=abc", json={"images": [image]}, headers={"x-request-id": "mine-2"})
    (line,) = [one for one in logs() if one["logger"] == "vearch_plugin.access"]
    assert {name: line[name] for name in ("method", "route", "path", "status", "request_id")} == {
        "method": "POST",
        "route": "/v1/spaces/{space}/images",
        "path": "/v1/spaces/a/images",
        "status": 200,
        "request_id": "mine-2",
    }
    assert line["seconds"] > 0
    assert "abc" not in json.dumps(line)
    assert image["base64"] not in json.dumps(line)


def test_what_a_client_is_not_told_is_in_the_log(logs, start, tmp_path):
    client = start()
    client.app.state.service.store.close()
    answer = client.get("/v1/spaces", headers={"x-request-id": "mine-3"})
    assert answer.status_code == 500
    assert str(tmp_path) not in answer.text
    lines = [one for one in logs() if one["level"] == "WARNING"]
    assert any(str(tmp_path) in one["message"] and one["request_id"] == "mine-3" for one in lines)


def test_it_closes_what_it_opened(start):
    client = start()
    service = client.app.state.service
    service.open()
    client.__exit__(*sys.exc_info())
    assert not any(batcher._loop.is_alive() for batcher in service.extractors.all)
    client.__enter__()
