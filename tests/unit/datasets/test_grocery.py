"""The Grocery lists: as published, and as they can be broken."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from util.datasets import read_dataset
from util.errors import DatasetError

GROCERY = Path("../shared/data/grocery")
CLASSES = (
    "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int),Iconic,Description\n"
    "Milk-3,0,Milk,4,/a.jpg,/a.txt\nMilk-1.5,1,Milk,4,/b.jpg,/b.txt\n"
)


def test_names_come_from_the_class_list(make_files):
    root = make_files(["train/a, b.jpg", "test/c.jpg"])
    (root / "classes.csv").write_text(CLASSES)
    (root / "train.txt").write_text("train/a, b.jpg, 1, 4\n\n")
    (root / "test.txt").write_text("test/c.jpg, 0, 4\n")
    first, second = read_dataset(root)
    assert (first.id, first.item, dict(first.metadata)) == (
        "train/a, b.jpg",
        "Milk-1.5",
        {"coarse": "Milk", "part": "train"},
    )
    assert (second.item, second.metadata["part"]) == ("Milk-3", "test")
    assert read_dataset(root / "test.txt") == [second]


def test_labels_stay_numbers_without_a_class_list(make_files):
    root = make_files(["a.jpg"])
    (root / "list.txt").write_text("a.jpg, 3, 2\n")
    (record,) = read_dataset(root / "list.txt")
    assert (record.item, record.metadata["coarse"]) == ("3", "2")


@pytest.mark.parametrize(
    ("line", "classes", "message"),
    [
        ("a.jpg, 1", CLASSES, "line 1: 'a.jpg, 1' is not 'path, fine label, coarse label'"),
        ("a.jpg, x, 2", CLASSES, "is not 'path, fine label, coarse label'"),
        (", 1, 2", CLASSES, "is not 'path, fine label, coarse label'"),
        ("a.jpg, 1, 2", "a,b\n1,2\n", "not the class list of the Grocery data set"),
        ("gone.jpg, 1, 4", CLASSES, "none of its 1 files exists"),
    ],
)
def test_lists_that_cannot_be_read(make_files, line, classes, message):
    root = make_files(["a.jpg"])
    (root / "classes.csv").write_text(classes)
    (root / "test.txt").write_text(line)
    with pytest.raises(DatasetError, match=message):
        read_dataset(root / "test.txt")


@pytest.mark.skipif(not GROCERY.exists(), reason="the Grocery data set is not beside the repository")
def test_the_published_set():
    records = read_dataset(GROCERY)
    parts = Counter(record.metadata["part"] for record in records)
    assert (parts["train"], parts["val"]) == (2640, 296)
    assert len({record.item for record in records if record.metadata["part"] == "train"}) == 81
    assert all(Path(record.path).exists() for record in records)
    # The file name of every photo begins with the name of its class.
    assert all(record.id.rsplit("/", 1)[1].startswith(f"{record.item}_") for record in records)
