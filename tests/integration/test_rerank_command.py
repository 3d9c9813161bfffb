"""Re-ranking from the command line."""

import json

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
