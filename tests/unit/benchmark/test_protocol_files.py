import json

import numpy as np
import pytest

from util.benchmark.protocol_files import measure_files, read_ranks
from util.errors import DatasetError, InvalidInputError
from util.evaluation.protocols import PROTOCOLS, protocol_named


@pytest.fixture
def measure(tmp_path):
    """Measures two texts as the files of a protocol."""

    def run(name, truth, answers, *, k=None):
        paths = tmp_path / f"truth{'.json' if truth.startswith('{') else '.csv'}", tmp_path / "answers.csv"
        if answers.startswith("["):
            paths = paths[0], tmp_path / "answers.json"
        for path, text in zip(paths, (truth, answers), strict=True):
            path.write_text(text)
        return measure_files(protocol_named(name), *paths, k=k)

    return run


def test_revisited(measure):
    truth = json.dumps({"db_size": 3, "queries": [{"easy": [0], "hard": [], "junk": [2]}]})
    measured = measure("revisited", truth, "[[2, 1, 0]]")
    nothing = {"map": None, "mp": {"1": None, "5": None, "10": None}}
    assert measured["easy"] == measured["medium"] == {"map": 0.25, "mp": {"1": 0.0, "5": 0.5, "10": 0.5}}
    assert measured["hard"] == nothing


def test_landmark_retrieval_by_part(measure):
    truth = "id,images,Usage\nq1,a b,Public\nq2,c,Private\nq3,None,Ignored\n"
    measured = measure("landmark-retrieval", truth, "id,images\nq1,a x b\nq3,x\n")
    assert measured == {
        "k": 100,
        "n": {"all": 2, "public": 1, "private": 1},
        "map_at_k": {"all": pytest.approx(5 / 12), "public": pytest.approx(5 / 6), "private": 0.0},
    }
    assert measure("landmark-retrieval", truth, "id,images\nq1,a x b\n", k=1)["map_at_k"]["public"] == 1.0


def test_landmark_recognition_by_part(measure):
    truth = "id,landmarks,Usage\nq1,7,Public\nq2,8,Private\nq3,,Public\n"
    measured = measure("landmark-recognition", truth, "id,landmarks\nq1,7 0.5\nq2,8 0.4\nq3,7 0.9\n")
    assert measured["n"] == {"all": 3, "public": 2, "private": 1}
    # One list: q3 (wrong), q1, q2; within the private part only q2 stands in it.
    assert measured["gap"] == {"all": pytest.approx((1 / 2 + 2 / 3) / 2), "public": 0.5, "private": 1.0}


def test_copy_detection(measure):
    measured = measure("copy-detection", "Q1,R1\nQ2,R2\nQ3,\n", "Q1,R1,0.9\nQ3,R1,0.8\nQ2,R2,0.7\n")
    assert measured == {
        "copies": 2,
        "answers": 3,
        "micro_ap": pytest.approx((1 + 2 / 3) / 2),
        "recall_at_precision_90": 0.5,
        "threshold_at_precision_90": 0.9,
    }


def test_no_threshold_is_null(measure):
    assert measure("copy-detection", "Q1,R1\n", "Q1,R2,0.9\n")["threshold_at_precision_90"] is None


def test_triplets_do_not_see_the_query_itself(measure):
    # q ranks itself, x, a, b: of its triplet a stands at place 2 and b at 3.
    answers = "q,q,1.0\nq,x,0.9\nq,a,0.8\nq,b,0.1\n"
    measured = measure("triplets", "q,a,b\nq,b,a\n", answers, k=2)
    assert measured == {"k": 2, "triplets": 2, "similarity_precision": 0.5, "score_at_top_k": 0}
    assert measure("triplets", "q,a,b\n", answers, k=2)["score_at_top_k"] == 1
    assert measure("triplets", "q,a,b\n", answers, k=1)["score_at_top_k"] == 0


def test_a_triplet_without_scores_is_named(measure):
    with pytest.raises(InvalidInputError, match="no score for q and b"):
        measure("triplets", "q,a,b\n", "q,a,0.5\n")


def test_every_protocol_with_files_is_measured_from_files():
    from util.benchmark.protocol_files import _MEASURES

    assert set(_MEASURES) == {protocol.name for protocol in PROTOCOLS if protocol.truth}


@pytest.mark.parametrize(
    ("name", "k", "message"),
    [("items", None, "not measured from files"), ("revisited", 5, "has no k"), ("triplets", 0, "from 1 on")],
)
def test_what_does_not_fit_is_refused(tmp_path, name, k, message):
    with pytest.raises(InvalidInputError, match=message):
        measure_files(protocol_named(name), tmp_path, tmp_path, k=k)


def test_ranks_of_different_lengths_are_filled_up(tmp_path):
    path = tmp_path / "ranks.json"
    path.write_text("[[3, 1], [], [0]]")
    assert read_ranks(path).T.tolist() == [[3, 1], [-1, -1], [0, -1]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b"{"), ("a.json", b"[[0.5]]"), ("a.json", b'[["a"]]'), ("a.json", b"[1]"), ("a.json", b"[[[1]]]"),
        ("a.npy", b"no array"), ("a.npy", b""),
    ],
)  # fmt: skip
def test_what_holds_no_rankings_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match="holds no rankings|cannot be read"):
        read_ranks(tmp_path / name)


def test_arrays_of_objects_are_not_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[{}]]), allow_pickle=True)
    with pytest.raises(DatasetError, match="holds no rankings"):
        read_ranks(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.zeros((2, 2)))
    with pytest.raises(DatasetError, match="no whole numbers"):
        read_ranks(tmp_path / "b.npy")
