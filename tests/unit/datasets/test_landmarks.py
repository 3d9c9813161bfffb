from pathlib import Path

import pytest

from util.datasets.landmarks import (
    read_landmark_images,
    read_recognition_predictions,
    read_retrieval_predictions,
    read_solution,
)
from util.errors import DatasetError


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "list.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_retrieval_solution_has_parts_and_images_that_do_not_count(written):
    solution = read_solution(written("id,images,Usage\nq1,a b,Public\nq2,c,Private\nq3,None,Ignored\n"), "retrieval")
    assert solution.right == {"q1": frozenset("ab"), "q2": frozenset("c")}
    assert solution.usage == {"q1": "Public", "q2": "Private"}
    assert solution.ignored == {"q3"}


def test_a_recognition_solution_has_photos_without_landmark(written):
    solution = read_solution(written("id,landmarks,Usage\nq1,7 8,Public\nq2,,Private\n"), "recognition")
    assert solution.right == {"q1": frozenset({"7", "8"}), "q2": frozenset()}


def test_a_set_of_ones_own_needs_no_parts(written):
    assert read_solution(written("images,id\na,q1\n"), "retrieval").usage == {}


def test_predictions(written):
    assert read_retrieval_predictions(written("id,images\nq1,b a\nq2,\n")) == {"q1": ("b", "a"), "q2": ()}
    assert read_recognition_predictions(written("id,landmarks\nq1,7 0.5\nq2,\n")) == {"q1": ("7", 0.5)}


def test_cells_may_be_longer_than_pythons_csv_takes(written):
    ids = [f"{number:016x}" for number in range(20_000)]
    assert read_retrieval_predictions(written(f"id,images\nq1,{' '.join(ids)}\n"))["q1"] == tuple(ids)


def test_ids_keep_their_zeros_and_are_no_missing_values(written):
    assert read_retrieval_predictions(written("id,images\n007,NA null 1e5\n")) == {"007": ("NA", "null", "1e5")}


@pytest.mark.parametrize("text", ["id,landmark_id\n0abf,6\n", "id,url,landmark_id\n0abf,http://x/y.jpg,6\n"])
def test_images_lie_in_folders_of_three_letters(written, text):
    (record,) = read_landmark_images(written(text), "train")
    assert (record.id, record.path, record.item) == ("0abf", str(Path("train/0/a/b/0abf.jpg")), "6")


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (lambda path: read_solution(path, "retrieval"), "id,landmarks\nq,1\n", "has no column 'images'; there are id"),
        (lambda path: read_solution(path, "retrieval"), "", "is not a CSV file"),
        (lambda path: read_solution(path, "retrieval"), "id,images,Usage\nq,a,Secret\n", "not 'Secret'"),
        (lambda path: read_solution(path, "retrieval"), "id,images\nq,a\nr,a\nq,b\n", "q stands twice"),
        (lambda path: read_solution(path, "retrieval"), "id,images\nq,a\n,b\n", "line 3: the column 'id' is empty"),
        (read_retrieval_predictions, "id,images\nq,a\nq,b\n", "q stands twice"),
        (read_retrieval_predictions, "id,images\nq,a,b,c\nr,a\n", "is not a CSV file"),
        (read_recognition_predictions, "id,landmarks\nq,7\n", "the answer for q has 1 parts"),
        (read_recognition_predictions, "id,landmarks\nq,7 high\n", "a score is no number"),
        (read_recognition_predictions, "id,landmarks\nq,7 nan\n", "not a finite number"),
        (lambda path: list(read_landmark_images(path, "x")), "id,landmark_id\nab,1\n", "16 characters"),
    ],
)
def test_other_lists_are_refused(written, read, text, message):
    with pytest.raises(DatasetError, match=message):
        read(written(text))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DatasetError, match="cannot be read"):
        read_retrieval_predictions(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"id,\xe4\nq,a\n")
    with pytest.raises(DatasetError, match="save it as UTF-8"):
        read_retrieval_predictions(tmp_path / "latin.csv")
