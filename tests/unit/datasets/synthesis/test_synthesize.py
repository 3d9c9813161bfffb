"""The written data set: repeatable, independent of counts, true to its ground truth, and hard for colour alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from util.datasets import read_dataset, synthesize
from util.datasets.synthesis import contact_sheet
from util.errors import DatasetError, InvalidInputError
from util.images import read_image

SMALL = {"families": 3, "items_per_family": 3, "photos_per_item": 2, "size": 96}


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    return folder, synthesize(folder, masks=True, **SMALL)


def test_the_same_seed_gives_the_same_bytes(small, tmp_path):
    synthesize(tmp_path / "again", masks=True, **SMALL)
    assert _files(tmp_path / "again") == _files(small[0])


def test_another_seed_gives_other_photos(small, tmp_path):
    synthesize(tmp_path / "other", seed=1, masks=True, **SMALL)
    ours, other = _files(small[0]), _files(tmp_path / "other")
    assert ours.keys() == other.keys()
    assert not [name for name in ours if ours[name] == other[name]]


def test_more_of_everything_changes_nothing_that_is_there(small, tmp_path):
    before = _files(small[0])
    more = {"families": 4, "items_per_family": 4, "photos_per_item": 3, "size": 96}
    synthesize(tmp_path / "more", masks=True, **more)
    after = _files(tmp_path / "more")
    pictures = [name for name in before if not name.startswith(("meta", "items"))]
    assert len(pictures) == 9 * (1 + 2 + 2)
    assert all(after[name] == before[name] for name in pictures)


def test_the_records_are_those_the_list_gives(small):
    folder, records = small
    assert read_dataset(folder) == read_dataset(folder / "meta.csv") == records
    assert len(records) == 18
    walked = read_dataset(folder / "images")
    assert {record.id: record.item for record in walked} == {
        record.id.removeprefix("images/"): record.item for record in records
    }


def test_items_are_described(small):
    folder, records = small
    rows = json.loads((folder / "items.json").read_text())["items"]
    assert [row["item"] for row in rows] == list(dict.fromkeys(record.item for record in records))
    assert all(read_image(folder / row["catalogue"]).shape == (96, 96, 3) for row in rows)
    assert [len(row["differences"]) for row in rows] == [0, 1, 1] * 3
    by_item = {row["item"]: row for row in rows}
    for record in records:
        differences = by_item[record.item]["differences"]
        assert record.metadata["difference"] == (differences[0]["kind"] if differences else "none")


def test_cutouts_hold_the_photo_and_the_visible_part_of_the_item(small):
    folder, records = small
    for record in records:
        cutout = read_image(folder / record.id.replace("images", "cutouts").replace(".jpg", ".png"))
        assert cutout.shape == (96, 96, 4)
        photo = read_image(record.path).astype(int)
        assert np.abs(cutout[..., :3] - photo).mean() < 12  # the photo is compressed, the cut-out is not
        assert 0.05 < (cutout[..., 3] > 127).mean() < 0.9


def test_detail_is_visible_in_nearly_all_photos(small):
    visible = np.array([record.metadata["detail_visible"] for record in small[1]])
    hidden = np.array([record.metadata["hidden"] for record in small[1]])
    assert (visible >= 0.5).all()
    assert ((hidden >= 0) & (hidden < 0.6)).all()


def test_a_second_run_completes_the_first_and_other_sets_are_not_mixed_in(tmp_path):
    small = {"families": 1, "items_per_family": 2, "photos_per_item": 1, "size": 64}
    synthesize(tmp_path / "set", **small)
    before = _files(tmp_path / "set")
    (tmp_path / "set" / "meta.csv").unlink()
    (tmp_path / "set" / "images" / "bottle-01-01" / "000.jpg").unlink()
    synthesize(tmp_path / "set", **small)
    assert _files(tmp_path / "set") == before
    for other in ({"seed": 1}, {"size": 65}, {"severity": 0.4}, {"items_per_family": 1}):
        with pytest.raises(DatasetError, match=r"holds other synthetic items \(seed 0, size 64.*choose a new folder"):
            synthesize(tmp_path / "set", **{**small, **other})
    assert _files(tmp_path / "set") == before


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(DatasetError, match="not empty and holds no synthetic items"):
        synthesize(tmp_path, **SMALL)
    assert _files(tmp_path) == {"thesis.tex": b"years of work"}


def test_progress_counts_every_photo(tmp_path):
    told = []
    synthesize(
        tmp_path, families=1, items_per_family=2, photos_per_item=2, size=64, progress=lambda *now: told.append(now)
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"families": 0}, "families is at least 1, not 0"),
        ({"photos_per_item": -1}, "photos_per_item is at least 1"),
        ({"size": 32}, "64 to 2048 pixels, not 32"),
        ({"severity": 1.5}, "between 0 and 1, not 1.5"),
        ({"severity": float("nan")}, "between 0 and 1, not nan"),
        ({"seed": -1}, "whole number from 0, not -1"),
        ({"items_per_family": 100_000}, "a family has at most"),
    ],
)
def test_impossible_orders_are_refused_before_anything_is_written(tmp_path, options, message):
    with pytest.raises(InvalidInputError, match=message):
        synthesize(tmp_path / "set", **options)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("severity", [0.0, 1.0])
def test_severity_bounds_what_happens_to_a_photo(tmp_path, severity):
    records = synthesize(
        tmp_path, families=3, items_per_family=1, photos_per_item=12, size=64, severity=severity, seed=3
    )
    values = {
        key: np.array([record.metadata[key] for record in records]) for key in ("exposure", "blur_pixels", "roll")
    }
    occluded = np.mean([record.metadata["occluder"] != "none" for record in records])
    if severity == 0:
        assert np.ptp(values["exposure"]) == 0
        assert not values["blur_pixels"].any()
        assert np.abs(values["roll"]).max() <= 2
        assert occluded == 0
    else:
        assert np.ptp(values["exposure"]) > 2
        assert values["blur_pixels"].any()
        assert np.abs(values["roll"]).max() > 6
        assert occluded > 0.3


def test_contact_sheets(small):
    folder, _ = small
    sheet = contact_sheet(folder, items=["bottle-01-00", "box-01-02"], photos=2, tile=80)
    assert sheet.shape == (2 * (80 + 24), 3 * 80, 3)
    with pytest.raises(DatasetError, match="has none of the items"):
        contact_sheet(folder, items=["nobody"])
    with pytest.raises(DatasetError, match="holds no synthetic items"):
        contact_sheet(folder / "images")


@pytest.mark.slow
def test_colour_histograms_cannot_tell_the_items_of_a_family_apart(tmp_path):
    records = synthesize(tmp_path, families=6, items_per_family=5, photos_per_item=8, size=128)
    bins = [read_image(record.path).reshape(-1, 3) // 32 @ np.array([64, 8, 1]) for record in records]
    histograms = np.stack([np.bincount(places.ravel(), minlength=512) / places.size for places in bins])
    likeness = np.sqrt(histograms) @ np.sqrt(histograms).T
    families = np.array([record.metadata["family"] for record in records])
    items = np.array([record.item for record in records])
    likeness[families[:, None] != families] = -1
    np.fill_diagonal(likeness, -1)
    assert (items[likeness.argmax(1)] == items).mean() < 0.35  # chance is 7/39 = 0.18
