"""Re-ranking from the command line."""

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest


@pytest.fixture
def indexed(nearid, catalogue):
    assert nearid("index", catalogue / "gallery", "--extractor", "color_texture", "--json")[0] == 0
    return sorted((catalogue / "queries").rglob("*.jpg"))


def test_search_reranks_what_a_deeper_search_finds(nearid, indexed):
    answers = {}
    for words in ((), ("--rerank", "aqe:n=2"), ("--rerank", "dba+k_reciprocal:k1=3,k2=2")):
        status, out, _ = nearid("search", indexed[0], "-k", 4, "--json", *words)
        assert status == 0
        [answers[words]] = json.loads(out)["results"]
    for answer in answers.values():
        assert len(answer["hits"]) == 4
        assert answer["hits"][0]["item"] == indexed[0].parent.name
    scores = [[hit["score"] for hit in answer["hits"]] for answer in answers.values()]
    assert scores[0] != scores[1] != scores[2]


def test_local_features_print_their_evidence(nearid, indexed):
    status, out, _ = nearid("search", indexed[0], "-k", 2, "--json", "--rerank", "sift:top=2")
    assert status == 0
    [answer] = json.loads(out)["results"]
    assert all(isinstance(hit["evidence"], dict) for hit in answer["hits"])


def test_a_second_extractor_looks_at_the_first_hits(nearid, indexed):
    words = ("search", indexed[0], "-k", 3, "--json", "--rerank")
    status, out, _ = nearid(*words, "second_look:extractor=phash,top=3,weight=1")
    assert status == 0
    [answer] = json.loads(out)["results"]
    opinions = [hit["evidence"]["second_look"] for hit in answer["hits"]]
    assert {opinion["extractor"] for opinion in opinions} == {"phash"}
    cosines = [opinion["cosine"] for opinion in opinions]
    assert cosines == sorted(cosines, reverse=True)
    status, _, err = nearid(*words, "second_look:extractor=phesh")
    assert status == 2
    assert "no extractor is called 'phesh': there are phash" in err


@pytest.mark.parametrize("words", [("evaluate",), ("compare", "--extractors", "color_texture")])
def test_an_extractor_nobody_knows_is_told_before_anything_is_indexed(nearid, catalogue, tmp_path, words):
    store = tmp_path / "untouched.db"
    photos = ("--queries", catalogue / "queries", "--gallery", catalogue / "gallery", "--store", f"embedded:{store}")
    status, out, err = nearid(*words, *photos, "--rerank", "aqe+second_look:extractor=phesh")
    assert (status, out) == (2, "")
    assert "no extractor is called 'phesh': there are phash" in err
    assert not store.exists()


def test_evaluate_measures_the_reranked_answers_and_their_cost(nearid, catalogue, tmp_path):
    words = ("evaluate", "--queries", catalogue / "queries", "--gallery", catalogue / "gallery")
    words = (*words, "--extractor", "color_texture", "--json")
    status, out, _ = nearid(*words, "--rerank", "alpha_qe:n=3+k_reciprocal:k1=4,k2=2", "--out", tmp_path / "report")
    assert status == 0
    made, plain = json.loads(out), json.loads(nearid(*words)[1])
    assert made["n"] == plain["n"]
    assert made["top1"] == plain["top1"] == 1.0
    assert made["map"] > 0.9
    assert made["open_set"] == plain["open_set"]
    assert made["decisions"] == plain["decisions"]
    system = made["system"]
    assert system["re-ranker"].startswith("alpha_qe:n=3,alpha=3.0+k_reciprocal:k1=4,")
    assert system["re-ranking, milliseconds a query"] > 0
    assert "alpha_qe" in (tmp_path / "report" / "report.html").read_text()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no_such", "no re-ranker is called 'no_such': there are"),
        ("aqe:m=1", "takes no option 'm'"),
        ("", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_one_line(nearid, indexed, text, message):
    status, out, err = nearid("search", indexed[0], "--rerank", text)
    assert status == 2
    assert message in err
    assert "Traceback" not in out + err


@pytest.fixture(scope="module")
def shelves(catalogue, tmp_path_factory):
    """The catalogue's gallery, its items on two shelves: ``even/item0``, ``odd/item1`` …, in a store of its own."""
    home = tmp_path_factory.mktemp("shelves")
    ask = partial(run_nearid, home, f"embedded:{home / 'shelves.db'}")
    status, _, err = ask(
        "index", shelved(catalogue / "gallery", home / "shelves"), "--extractor", "color_texture", "--json"
    )
    assert status == 0, err
    return ask


def shelved(folder, to):
    """A copy with every item's folder on its shelf."""
    for item in folder.iterdir():
        shutil.copytree(item, to / ("odd" if int(item.name[-1]) % 2 else "even") / item.name)
    return to


def run_nearid(folder, store, *words):
    """The console script as a process of its own: (exit status, standard output, standard error)."""
    done = subprocess.run(
        [Path(sys.executable).with_name("nearid"), *map(str, words)],
        env=os.environ | {"NEARID_STORE": store},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_given_category_comes_first_and_the_others_stay(shelves, catalogue):
    photo = catalogue / "queries" / "item1" / "4.jpg"
    hits = {}
    for rerank in ("aqe:n=1", "category_gate:given=even,penalty=2", "category_gate"):
        status, out, err = shelves("search", photo, "-k", 20, "--json", "--rerank", rerank)
        assert status == 0, err
        [answer] = json.loads(out)["results"]
        hits[rerank] = answer["hits"]
    plain, even, predicted = hits.values()
    assert plain[0]["item"] == predicted[0]["item"] == "odd/item1"
    assert [hit["metadata"]["category"] for hit in even] == ["even"] * 12 + ["odd"] * 8
    assert even[12]["item"] == "odd/item1"
    assert sorted(hit["id"] for hit in even) == sorted(hit["id"] for hit in plain)
    assert even[0]["evidence"]["category_gate"] == {
        "field": "category",
        "category": "even",
        "probability": 1.0,
        "likeliest": "even",
        "likeliest_probability": 1.0,
        "source": "given",
    }
    seen = predicted[0]["evidence"]["category_gate"]
    assert (seen["category"], seen["likeliest"], seen["source"]) == ("odd", "odd", "predicted")
    assert seen["probability"] > 0.5


@pytest.mark.parametrize(
    ("rerank", "message"),
    [
        ("category_gate:field=scene", "'scene', which no image of the space 'color_texture' has: there are category, "),
        ("category_gate:oracle=true", "which only an evaluation has: say given=CATEGORY"),
        ("category_gate:given=even,oracle=true", "not both"),
    ],
)
def test_a_gate_that_cannot_work_says_why_in_one_line(shelves, catalogue, rerank, message):
    status, out, err = shelves("search", catalogue / "queries" / "item1" / "4.jpg", "--rerank", rerank)
    assert status == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not out


def test_evaluate_reads_categories_for_the_gate(shelves, catalogue, tmp_path):
    asked = shelved(catalogue / "queries", tmp_path / "asked")
    status, out, err = shelves("evaluate", "--queries", asked, "--json", "--rerank", "category_gate:oracle=true")
    assert status == 0, err
    made = json.loads(out)
    assert made["top1"] == 1.0
    assert made["system"]["re-ranker"].endswith("oracle=True")
