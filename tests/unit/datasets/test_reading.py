"""Folders and single images, and which reader a path gets."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.datasets import iter_dataset, read_dataset, write_csv
from util.datasets.paths import natural_key
from util.errors import DatasetError, InvalidInputError
from util.images import read_image, write_image


def test_folder_gives_items_ids_and_natural_order(make_files):
    root = make_files(["milk/10.jpg", "milk/9.PNG", "top.webp", "dairy/cream/1.jpg", "milk/notes.txt"])
    records = read_dataset(root)
    assert [(record.id, record.item) for record in records] == [
        ("dairy/cream/1.jpg", "dairy/cream"),
        ("milk/9.PNG", "milk"),
        ("milk/10.jpg", "milk"),
        ("top.webp", None),
    ]
    assert all(Path(record.path) == root / record.id for record in records)


def test_folders_in_folders_give_categories(make_files):
    root = make_files(["dairy/milk/1.jpg", "dairy/organic/cream/1.jpg", "bread/1.jpg", "top.jpg"])
    fields = {record.id: dict(record.metadata) for record in read_dataset(root)}
    assert fields == {
        "bread/1.jpg": {},
        "dairy/milk/1.jpg": {"category": "dairy"},
        "dairy/organic/cream/1.jpg": {"category": "dairy/organic"},
        "top.jpg": {},
    }


def test_hidden_files_and_folders_are_left_out(make_files):
    root = make_files(["a/1.jpg", "a/._1.jpg", ".trash/1.jpg"])
    assert [record.id for record in read_dataset(root)] == ["a/1.jpg"]


def test_links_that_lead_back_are_not_followed(make_files):
    root = make_files(["a/1.jpg", "b/2.jpg"])
    (root / "a" / "loop").symlink_to(root)
    (root / "b" / "twin").symlink_to(root / "a")
    (root / "a" / "self").symlink_to(root / "a")
    assert [record.id for record in read_dataset(root)] == ["a/1.jpg", "b/2.jpg"]


def test_links_that_lead_outside_are_followed_once(make_files):
    home = make_files(["shop/a/1.jpg", "other/2.jpg"])
    (home / "other" / "up").symlink_to(home)  # leads to both again
    (home / "shop" / "x").symlink_to(home / "other")
    (home / "shop" / "y").symlink_to(home / "other")
    assert [record.id for record in read_dataset(home / "shop")] == ["a/1.jpg", "x/2.jpg"]


def test_broken_link_to_an_image_is_listed_for_others_to_report(make_files):
    root = make_files(["a/1.jpg"])
    (root / "a" / "2.jpg").symlink_to(root / "gone.jpg")
    (root / "a" / "3.jpg").symlink_to(root / "a" / "3.jpg")
    assert [record.id for record in read_dataset(root)] == ["a/1.jpg", "a/2.jpg", "a/3.jpg"]


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX only")
def test_names_that_are_not_utf8_become_printable_ids(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_text("x")
    (record,) = read_dataset(tmp_path)
    assert record.id.encode("utf-8") == b"caf\\udce9.jpg"
    assert Path(record.path).exists()


def test_single_image_bears_its_own_name(make_files):
    root = make_files(["milk/1.jpg"])
    (record,) = read_dataset(root / "milk" / "1.jpg")
    assert (record.id, record.item) == ("1.jpg", None)
    (record,) = read_dataset(root / "milk" / "1.jpg", root=root, item_from="folder")
    assert (record.id, record.item) == ("milk/1.jpg", "milk")


def test_root_moves_ids_and_items(make_files):
    root = make_files(["shop/milk/1.jpg"])
    (record,) = read_dataset(root / "shop", root=root)
    assert (record.id, record.item) == ("shop/milk/1.jpg", "shop/milk")


def test_item_from_none_and_from_folder_override_a_list(make_files):
    root = make_files(["milk/1.jpg"])
    (root / "list.csv").write_text("file,class\nmilk/1.jpg,cream\n")
    assert [read_dataset(root / "list.csv", item_from=form)[0].item for form in ("auto", "none", "folder")] == [
        "cream",
        None,
        "milk",
    ]


def test_folder_with_a_list_is_read_by_it_unless_told_otherwise(make_files):
    root = make_files(["milk/1.jpg", "milk/2.jpg"])
    (root / "meta.csv").write_text("file,class\nmilk/1.jpg,cream\n")
    assert [record.item for record in read_dataset(root)] == ["cream"]
    assert [record.item for record in read_dataset(root, item_from="folder")] == ["milk", "milk"]


def test_a_folder_read_lazily_yields_before_it_has_seen_everything(make_files):
    root = make_files(["a/1.jpg", "b/1.jpg"])
    records = iter_dataset(root)
    assert next(records).id == "a/1.jpg"
    (root / "b" / "2.jpg").write_text("later")
    assert [record.id for record in records] == ["b/1.jpg", "b/2.jpg"]


def test_videos_are_frames_when_asked_for(tmp_path):
    folder = tmp_path / "bottle"
    folder.mkdir()
    video = cv2.VideoWriter(str(folder / "turn.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for level in range(20):
        video.write(np.full((48, 64, 3), level * 12, np.uint8))
    video.release()
    write_image(folder / "still.png", np.zeros((4, 4, 3), np.uint8))
    (folder / "broken.avi").write_bytes(b"no video")
    assert [record.id for record in read_dataset(tmp_path)] == ["bottle/still.png"]
    records = read_dataset(tmp_path, video_every_seconds=1.0)
    assert [record.id for record in records] == [
        "bottle/broken.avi",
        "bottle/still.png",
        "bottle/turn.avi#frame=0",
        "bottle/turn.avi#frame=10",
    ]
    assert {record.item for record in records} == {"bottle"}
    assert read_image(records[3].path).mean() == pytest.approx(120, abs=4)
    write_csv(records, tmp_path / "list.csv")
    assert read_dataset(tmp_path / "list.csv") == records


def _empty(root: Path) -> Path:
    return root / "nowhere"


def _two_lists(root: Path) -> Path:
    for name in ("a.csv", "b.csv"):
        (root / name).write_text("file\nx.jpg\n")
    return root


def _twice(root: Path) -> Path:
    (root / "list.csv").write_text("file,class\na.jpg,x\na.jpg,y\n")
    (root / "a.jpg").write_text("a")
    return root / "list.csv"


def _wrong_root(root: Path) -> Path:
    (root / "list.csv").write_text("file\nphotos/a.jpg\nphotos/b.jpg\n")
    return root / "list.csv"


@pytest.mark.parametrize(
    ("prepare", "options", "error", "message"),
    [
        (_empty, {}, DatasetError, "no such file or folder"),
        (_two_lists, {"item_from": "csv"}, DatasetError, "holds a.csv, b.csv: name the file itself"),
        (lambda root: root, {"item_from": "meta"}, DatasetError, "holds none: name the file itself"),
        (lambda root: root, {"item_from": "grocery"}, DatasetError, "none of train.txt, val.txt, test.txt"),
        (lambda root: root, {"item_from": "parent"}, InvalidInputError, "auto, folder, csv, meta, grocery, none"),
        (lambda root: root, {"video_every_seconds": 0.0}, InvalidInputError, "a number above 0"),
        (_twice, {}, DatasetError, "'a.jpg' 2 times"),
        (_wrong_root, {}, DatasetError, "none of its 2 files exists"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, prepare, options, error, message):
    with pytest.raises(error, match=message):
        read_dataset(prepare(tmp_path), **options)


def test_empty_folder_is_an_empty_data_set(tmp_path):
    assert read_dataset(tmp_path) == []


def test_one_missing_file_is_kept(make_files):
    root = make_files(["b.jpg"])
    (root / "list.csv").write_text("file\na.jpg\nb.jpg\n")
    assert [record.id for record in read_dataset(root / "list.csv")] == ["a.jpg", "b.jpg"]


def test_addresses_in_a_list_are_kept(tmp_path):
    (tmp_path / "list.csv").write_text("file,class\nhttps://example.org/a.jpg,milk\n")
    (record,) = read_dataset(tmp_path / "list.csv")
    assert record.id == record.path == "https://example.org/a.jpg"


@given(st.lists(st.text(alphabet="ab019-", min_size=1), min_size=2, max_size=2))
def test_natural_order_is_a_total_order_that_counts(names):
    first, second = names
    assert (natural_key(first) == natural_key(second)) == (first == second)
    if first.isdecimal() and second.isdecimal() and int(first) != int(second):
        assert (natural_key(first) < natural_key(second)) == (int(first) < int(second))
