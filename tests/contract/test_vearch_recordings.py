"""Recorded conversations with Vearch, replayed: the store says the same again, and understands every answer.

``recordings/vearch`` holds conversations with a real server (Vearch 3.5.9 built from its source), made by
``tests/servers/record_vearch.py``, and ``from_the_contract*.json``, written by hand. A recording with the name of a
scenario is replayed by it; of others, every request is sent as it stands, and the answer has to be understood.
"""

from pathlib import Path

import pytest
import requests
from vearch_wire import Replay, VearchServer, read_case
from vearch_wire.recorder import Recorder
from vearch_wire.scenarios import SCENARIOS

from util.errors import StoreError
from util.vector_store.vearch import VearchStore
from util.vector_store.vearch.answers import data_of

OWN = Path(__file__).with_name("recordings") / "vearch"
SHARED = Path(__file__).parents[2].parent / "shared" / "fixtures" / "vearch"
CASES = sorted(OWN.glob("*.json")) + sorted(SHARED.glob("*.json"))
PLAYED = [path for path in CASES if path.stem in SCENARIOS]


def test_there_are_recordings():
    assert {path.stem for path in CASES} >= {*SCENARIOS, "from_the_contract"}


@pytest.mark.parametrize("path", PLAYED, ids=lambda path: path.stem)
def test_the_store_says_again_what_was_recorded(path):
    with Replay(read_case(path)) as replay, VearchStore(f"vearch+http://{replay.place}/recorded", timeout=2) as store:
        SCENARIOS[path.stem](store)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_recorded_answer_is_understood(path):
    for exchange in read_case(path):
        request, response = exchange["request"], exchange["response"]
        answer = response["json"]
        with Replay([exchange]) as replay:
            url = f"http://{replay.place}{request['path']}"
            received = requests.request(request["method"], url, json=request.get("json"), timeout=10)
            try:
                data = data_of(received, "Vearch")
            except StoreError as error:
                assert answer["code"] != 0, error
                assert str(answer["code"]) in str(error) or answer["msg"] in str(error)
            else:
                assert answer["code"] == 0
                assert data == answer.get("data")


@pytest.mark.parametrize("path", PLAYED, ids=lambda path: path.stem)
def test_the_server_of_the_tests_answers_as_the_real_one(path):
    """Status, code and the names of what is in ``data``: what a real server says, ours says too."""
    server = VearchServer()
    with Recorder(f"http://{server.place}") as recorder:
        url = server.url.replace(server.place, recorder.place).replace("/nearid", "/recorded")
        with VearchStore(url) as store:
            SCENARIOS[path.stem](store)
    server.stop()
    real, ours = read_case(path), recorder.case
    assert [exchange["request"] for exchange in ours] == [exchange["request"] for exchange in real]
    for recorded, answered in zip(real, ours, strict=True):
        assert answered["response"]["status"] == recorded["response"]["status"], recorded["request"]
        assert outline(answered["response"]["json"]) <= outline(recorded["response"]["json"]), recorded["request"]


def outline(answer: object, path: str = "") -> set[str]:
    """Where in an answer there is what, and its code."""
    if isinstance(answer, dict):
        inner = {f"{path}.{name}={answer[name]}" for name in ("code",) if name in answer}
        return inner.union(*(outline(value, f"{path}.{name}") for name, value in answer.items()))
    if isinstance(answer, list):
        return {path}.union(*(outline(value, f"{path}[]") for value in answer))
    return {path}


def test_a_replay_notices_what_was_not_recorded():
    case = [
        {"request": {"method": "GET", "path": "/dbs/a", "json": None}, "response": {"status": 200, "json": {"code": 0}}}
    ]
    with pytest.raises(AssertionError, match="not asked"), Replay(case):
        pass
    with pytest.raises(AssertionError, match="recorded was"), Replay(case) as replay:
        assert requests.get(f"http://{replay.place}/dbs/b", timeout=10).status_code == 500
