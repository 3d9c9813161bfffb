import pytest

from util.datasets.copy_pairs import read_copy_truth, read_pair_scores
from util.datasets.triplets import Triplet, read_triplets
from util.errors import DatasetError


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "list.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("header", ["", "query_id,reference_id\n"])
def test_queries_without_a_reference_are_left_out(written, header):
    path = written(f"{header}Q1,\nQ2,R7\nQ2,R8\n")
    assert read_copy_truth(path) == {("Q2", "R7"), ("Q2", "R8")}


@pytest.mark.parametrize("header", ["", "query_id,reference_id,score\n"])
def test_scores_of_pairs(written, header):
    path = written(f"{header}Q1,R1,0.5\nQ1,R2,-2e-1\n")
    assert read_pair_scores(path) == {("Q1", "R1"): 0.5, ("Q1", "R2"): -0.2}


@pytest.mark.parametrize("header", ["", "query,positive,negative\n"])
def test_triplets(written, header):
    assert read_triplets(written(f"{header}q,a,b\n")) == [Triplet("q", "a", "b")]


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (read_copy_truth, "query_id\nQ1\n", "has no column 'reference_id'"),
        (read_pair_scores, "Q1,R1,0.5\nQ1,R1,0.6\n", "the pair of Q1 and R1 stands twice"),
        (read_pair_scores, "Q1,R1,x\n", "a score is no number"),
        (read_pair_scores, "Q1,R1,inf\n", "not a finite number"),
        (read_triplets, "q,a,a\n", "two different images"),
        (read_triplets, "q,a,\n", "two different images"),
        (read_triplets, "a,b\n", "has no column 'query'"),
    ],
)
def test_other_lists_are_refused(written, read, text, message):
    with pytest.raises(DatasetError, match=message):
        read(written(text))
