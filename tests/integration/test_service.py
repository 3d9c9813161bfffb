"""The service as it runs: a process of its own, many clients at once, killed and started again."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import ANY

import pytest
import requests

from util.image_extract import load
from util.records import ImageRecord
from util.search.extraction import Extraction
from util.search.indexing import index_images
from util.search.similar import find_similar
from util.vector_store import open_store

CLIENTS = 16
ENDED = (0, -signal.SIGTERM)  # the server ends in order, then by the signal it was sent


class Process:
    """``python -m vearch_plugin`` on a free port of this machine."""

    def __init__(self, folder: Path, **settings):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        given = {"store": f"embedded:{folder / 'served.db'}", "rate_limit": "none", "port": self.port, **settings}
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("NEARID_")}
        self._environment |= {f"NEARID_{name.upper()}": str(value) for name, value in given.items()}
        self._folder, self.log = folder, folder / "service.log"

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "vearch_plugin"], cwd=self._folder, env=self._environment, stdout=log, stderr=log
            )
        end = time.monotonic() + 120
        while True:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, "the service did not start"
            try:
                if requests.get(f"{self.url}/ready", timeout=5).status_code == 200:
                    return self
            except requests.ConnectionError:
                time.sleep(0.05)

    def end(self, how=signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(60)


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(**settings):
        process = Process(tmp_path, **settings).start()
        started.append(process)
        return process

    yield start
    for process in started:
        if process.process.poll() is None:
            process.end(signal.SIGKILL)


@pytest.fixture
def photos(catalogue):
    return sorted(catalogue.glob("gallery/*/*.jpg"))


def at_once(work, values):
    """Runs it for all values, all beginning in the same moment."""
    values = list(values)
    together = threading.Barrier(len(values))

    def begin(value):
        together.wait()
        return work(value)

    with ThreadPoolExecutor(len(values)) as pool:
        return list(pool.map(begin, values))


def upload(url, space, photos, **fields):
    files = [("image", (path.name, path.read_bytes())) for path in photos]
    return requests.post(f"{url}/v1/spaces/{space}/images", files=files, data=fields, timeout=60)


def ask(url, space, photo, **fields):
    files = {"image": (photo.name, photo.read_bytes())}
    return requests.post(f"{url}/v1/spaces/{space}/search", files=files, data=fields, timeout=60)


def metric(url, name):
    text = requests.get(f"{url}/metrics", timeout=10).text
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[1])


def test_the_service_answers_as_the_library_does(start_service, catalogue, photos, tmp_path):
    url = start_service(extractor="color_texture")
    ids = [path.relative_to(catalogue).as_posix() for path in photos]
    assert upload(url, "shelf", photos, id=ids, item=[path.parent.name for path in photos]).json()["ids"] == ids

    extraction = Extraction(load("color_texture"))
    queries = sorted(catalogue.glob("queries/*/*.jpg"))
    with open_store(f"embedded:{tmp_path / 'library.db'}") as store:
        records = [ImageRecord(id_, str(path)) for id_, path in zip(ids, photos, strict=True)]
        index_images(records, extraction=extraction, store=store, space="shelf")
        expected = find_similar([str(q) for q in queries], extraction=extraction, store=store, space="shelf", k=10)
    for query, result in zip(queries, expected.results, strict=True):
        hits = ask(url, "shelf", query, k=10).json()["results"][0]["hits"]
        assert [hit["id"] for hit in hits] == list(result.ids)
        assert [hit["score"] for hit in hits] == pytest.approx(result.scores.tolist(), abs=2e-6)


def test_clients_that_write_and_ask_at_once_do_not_disturb_each_other(start_service, photos):
    url = start_service(extractor="color_texture")
    assert upload(url, "shelf", photos, id=[f"fixed/{i}" for i in range(len(photos))]).status_code == 200

    def work(client):
        for turn in range(6):
            photo = photos[(client + turn) % len(photos)]
            if client % 2:
                written = upload(url, "shelf", [photo], id=f"client{client}/{turn}", item=f"client{client}")
                assert written.json()["ids"] == [f"client{client}/{turn}"], written.text
            else:
                found = ask(url, "shelf", photo, k=3, where=f'{{"item": "client{client + 1}"}}' if turn > 3 else "{}")
                assert found.status_code == 200, found.text
                hits = found.json()["results"][0]["hits"]
                if turn <= 3:
                    assert hits[0]["score"] == pytest.approx(1.0, abs=1e-5), "the photo itself is there"
                else:
                    assert {hit["item"] for hit in hits} <= {f"client{client + 1}"}

    at_once(work, range(CLIENTS))
    assert requests.get(f"{url}/v1/spaces/shelf", timeout=10).json()["count"] == len(photos) + CLIENTS // 2 * 6


RERANKERS = ("alpha_qe:n=3", "k_reciprocal:k1=4,k2=2", "dba:n=2+diffusion:neighbours=3,start=2", "sift:top=5")


def run_nearid(folder, *words):
    """The command line in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEARID_")}
    environment["NEARID_STORE"] = f"embedded:{folder / 'served.db'}"
    done = subprocess.run(
        [Path(sys.executable).with_name("nearid"), *map(str, words)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def as_told(hit):
    """A hit of the command line as the service may tell it: without the place of its file."""
    told = {**hit, "metadata": {name: value for name, value in hit["metadata"].items() if name != "path"}}
    if hit.get("evidence", {}).get("problem"):
        told["evidence"] = {**hit["evidence"], "problem": ANY}
    return told


def test_searches_are_re_ranked_as_the_command_line_does_it(serve, catalogue, tmp_path):
    run_nearid(tmp_path, "index", catalogue / "gallery", "--extractor", "color_texture", "--space", "shelf", "--json")
    queries = sorted(catalogue.glob("queries/*/*.jpg"))
    service = serve(extractor="color_texture")
    for text in RERANKERS:
        expected = run_nearid(
            tmp_path, "search", *queries, "-k", 7, "--space", "shelf", "--rerank", text, "--json"
        )["results"]  # fmt: skip
        for query, result in zip(queries, expected, strict=True):
            answer = ask(service.url, "shelf", query, k=7, rerank=text)
            assert answer.status_code == 200, answer.text
            assert answer.json()["results"][0]["hits"] == [as_told(hit) for hit in result["hits"]], text


def test_many_who_ask_to_re_rank_a_changing_space_are_all_answered(serve, photos):
    service = serve(extractor="color_texture")
    assert upload(service.url, "shelf", photos, id=[f"fixed/{i}" for i in range(len(photos))]).status_code == 200

    def work(client):
        for turn in range(4):
            photo = photos[(client + turn) % len(photos)]
            if client == 0:
                assert upload(service.url, "shelf", [photo], id=f"new/{turn}").status_code == 200
            else:
                found = ask(service.url, "shelf", photo, k=3, rerank="k_reciprocal:k1=4,k2=2")
                # A space that is written to all the while may be refused, but never answered wrongly.
                assert found.status_code == 200 or found.json()["error"]["code"] == "unavailable", found.text
        return "done"

    assert at_once(work, range(8)) == ["done"] * 8
    found = ask(service.url, "shelf", photos[0], k=len(photos) + 4, rerank="k_reciprocal:k1=4,k2=2")
    assert {hit["id"] for hit in found.json()["results"][0]["hits"]} >= {f"new/{turn}" for turn in range(4)}


def test_requests_that_come_together_share_forward_passes(start_service, photos):
    url = start_service(extractor="color_texture", batch_wait=0.5, batch_size=CLIENTS)
    embed = f"{url}/v1/embeddings"
    one_by_one = [
        requests.post(embed, files={"image": photo.read_bytes()}, timeout=60).json()["embeddings"][0]
        for photo in photos[:2]
    ]
    before = metric(url, "nearid_pass_images_count")
    answers = at_once(
        lambda i: requests.post(embed, files={"image": photos[i % 2].read_bytes()}, timeout=60).json(), range(CLIENTS)
    )
    assert [answer["embeddings"][0] for answer in answers] == [one_by_one[i % 2] for i in range(CLIENTS)]
    passes = metric(url, "nearid_pass_images_count") - before
    assert passes <= CLIENTS / 2, f"{CLIENTS} requests took {passes} passes"


def test_one_too_many_is_sent_away_and_served_later(start_service, photos):
    url = start_service(extractor="color_texture", batch_wait=0.3, max_requests=2)
    upload(url, "shelf", photos[:2], id=["a", "b"])

    def insist(i):
        refused = 0
        while True:
            answer = ask(url, "shelf", photos[i % 2], k=1)
            if answer.status_code == 200:
                return refused, answer.json()["results"][0]["hits"][0]["id"]
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")
            assert int(answer.headers["Retry-After"]) >= 1
            refused += 1
            time.sleep(0.05)

    served = at_once(insist, range(CLIENTS))
    assert [found for _, found in served] == ["ab"[i % 2] for i in range(CLIENTS)]
    assert sum(refused for refused, _ in served) > 0
    assert requests.get(f"{url}/health", timeout=10).status_code == 200


def test_a_request_whose_turn_does_not_come_in_time_is_told_so(start_service, photos):
    url = start_service(extractor="color_texture", batch_wait=1.0, request_timeout=0.2)
    answer = ask_embedding(url, photos[0])
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "deadline_exceeded")
    assert answer.headers["Retry-After"]


def ask_embedding(url, photo):
    return requests.post(f"{url}/v1/embeddings", files={"image": photo.read_bytes()}, timeout=60)


def test_a_body_that_never_ends_holds_nobody_up(start_service, photos):
    url = start_service(extractor="color_texture", request_timeout=1.0)
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as slow:
        head = f"POST /v1/embeddings HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        slow.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
        assert ask_embedding(url, photos[0]).status_code == 200
        assert b"408 Request Timeout" in slow.recv(4096).split(b"\r\n")[0]


@pytest.mark.parametrize(
    ("line", "answered"),
    [
        (b"GET /v1/spaces/shelf/images/../../../health HTTP/1.1", b"404"),
        (b"GET /v1/spaces/shelf/images/../../../../../etc/passwd HTTP/1.1", b"404"),
        (b"GET /v1/spaces/shelf/images/%2e%2e/%00/%ff HTTP/1.1", b"404"),
        (b"DELETE /v1/spaces/shelf/images/.. HTTP/1.1", b"404"),
        (b"GET /v1/spaces\xff HTTP/1.1", b"40"),
        (b"\x16\x03\x01\x02\x00", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: -1", b"400"),
        (b"POST /v1/embeddings HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", b"40"),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000, b"4"),
    ],
)  # fmt: skip
def test_what_no_client_would_send(start_service, photos, line, answered):
    url = start_service(extractor="color_texture")
    upload(url, "shelf", photos[:1])
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        raw.sendall(line + b"\r\nHost: x\r\nConnection: close\r\n\r\nx\r\n")
        status = raw.recv(4096).split(b"\r\n")[0]
    assert status.startswith(b"HTTP/1.1 " + answered), status
    assert requests.get(f"{url}/v1/spaces/shelf", timeout=10).json()["count"] == 1


@pytest.mark.slow
def test_what_is_in_work_is_finished_when_the_service_is_asked_to_end(serve, photos):
    service = serve(batch_wait=1.0)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask_embedding, service.url, photos[i]) for i in range(4)]
        end = time.monotonic() + 30
        while metric(service.url, "nearid_images_queued") < 4:  # all four wait for the pass
            assert time.monotonic() < end
        assert service.end(signal.SIGTERM) in ENDED
        assert [one.result().status_code for one in asked] == [200] * 4
    assert "Application shutdown complete" in service.log.read_text()


@pytest.mark.slow
def test_nothing_confirmed_is_lost_when_the_service_is_killed(serve, photos):
    service = serve()
    confirmed, stop = set(), threading.Event()

    def write(client):
        for turn in range(10_000):
            if stop.is_set():
                return
            try:
                answer = upload(service.url, "shelf", [photos[turn % len(photos)]], id=f"{client}/{turn}")
            except requests.RequestException:
                return  # killed meanwhile: not confirmed
            if answer.status_code == 200:
                confirmed.update(answer.json()["ids"])

    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(write, client) for client in range(4)]
        end = time.monotonic() + 60
        while len(confirmed) < 25:
            assert time.monotonic() < end
            time.sleep(0.01)
        service.end(signal.SIGKILL)
        stop.set()
        for one in writing:
            one.result()

    service.start()
    count = requests.get(f"{service.url}/v1/spaces/shelf", timeout=10).json()["count"]
    assert len(confirmed) <= count <= len(confirmed) + 4, "at most what was being written is there besides"
    for id_ in confirmed:
        assert requests.get(f"{service.url}/v1/spaces/shelf/images/{id_}", timeout=10).status_code == 200
    again = upload(service.url, "shelf", photos[:1], id="0/0").json()
    assert (again["indexed"], again["skipped"]) == (0, 1), "what is there is not written again"
    assert service.end() in ENDED


def test_a_setting_that_cannot_be_used_ends_the_command_with_one_line(tmp_path):
    environment = {**os.environ, "NEARID_HOST": "0.0.0.0", "NEARID_STORE": f"embedded:{tmp_path}/a.db"}
    done = subprocess.run(
        [sys.executable, "-m", "vearch_plugin"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith("error: the service would answer anybody at 0.0.0.0")
    assert len(done.stderr.splitlines()) == 1
