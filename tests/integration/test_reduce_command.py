"""``nearid spaces reduce`` as a person or a program would call it, and all that is done with a reduced space after."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from util.image_extract import load
from util.images import read_image
from util.search.projection import projection_of
from util.vector_store import open_store

WITHOUT_TORCH = """
import sys
from util.cli import main
sys.argv = ["nearid", *sys.argv[1:]]
main()
sys.exit("torch was imported" if "torch" in sys.modules else 0)
"""


def answer(result: tuple[int, str, str], status: int = 0) -> dict:
    code, out, err = result
    assert code == status, err
    assert out.count("\n") == 1, "exactly one line of JSON"
    return json.loads(out)


@pytest.fixture
def indexed(nearid, catalogue, tmp_path) -> Path:
    """The gallery, with one photo of each item held back, in a space; gives its folder."""
    gallery = tmp_path / "gallery"
    shutil.copytree(catalogue / "gallery", gallery, ignore=shutil.ignore_patterns("3.jpg"))
    answer(nearid("index", gallery, "--json"))
    return gallery


def test_from_the_first_photo_to_a_decision_in_processes_of_their_own(catalogue, tmp_path):
    url, gallery = f"embedded:{tmp_path / 'shop.db'}", tmp_path / "gallery"
    shutil.copytree(catalogue / "gallery", gallery, ignore=shutil.ignore_patterns("item[34]"))

    def nearid(*words: object, code: str) -> dict:
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, words), "--store", url, "--json"],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    main = "import sys; from util.cli import main; sys.argv = ['nearid', *sys.argv[1:]]; main()"
    nearid("index", gallery, code=main)
    made = nearid("spaces", "reduce", "color_texture", "--dimension", 8, "--whiten", "--power", 0.5, code=main)
    assert (made["target"], made["images"], made["bytes_per_vector"]) == (
        "color_texture-pcaw8", 12, {"before": 6656, "after": 32},
    )  # fmt: skip
    query = gallery / "item2" / "1.jpg"
    (found,) = nearid("search", query, "--space", made["target"], "-k", 1, code=WITHOUT_TORCH)["results"]
    assert (Path(found["hits"][0]["metadata"]["path"]), found["hits"][0]["item"]) == (query, "item2")
    assert found["hits"][0]["score"] == pytest.approx(1, abs=1e-5)
    shutil.copytree(catalogue / "gallery", gallery, dirs_exist_ok=True)
    more = nearid("index", gallery, "--space", made["target"], code=WITHOUT_TORCH)
    assert (more["indexed"], more["skipped"], more["failed"]) == (8, 12, [])
    unseen = [catalogue / "queries" / f"item{n}" / "4.jpg" for n in (0, 4)]
    decisions = nearid("identify", *unseen, "--space", made["target"], "--threshold", -1, code=WITHOUT_TORCH)
    assert [one["item"] for one in decisions["decisions"]] == ["item0", "item4"]


def test_what_it_says(nearid, indexed):
    made = answer(nearid("spaces", "reduce", "color_texture", "-d", 6, "--json"))
    assert made.keys() == {
        "space", "target", "images", "written", "dimension", "power", "explained", "bytes_per_vector", "seconds",
    }  # fmt: skip
    assert (made["space"], made["target"], made["dimension"]) == ("color_texture", "color_texture-pca6", 6)
    assert (made["images"], made["written"], made["power"]) == (15, 15, 0)
    assert 0.5 < made["explained"] <= 1
    code, out, _ = nearid("spaces", "reduce", "color_texture", "-d", 6, "--to", "short")
    assert code == 0
    assert "to 'short': 15 images, 24 bytes a vector instead of 6656" in out
    assert "% of the variance left" in out


def test_all_of_the_variance_is_left_in_as_many_dimensions_as_there_are(nearid, indexed):
    made = answer(nearid("spaces", "reduce", "color_texture", "-d", 14, "--json"))
    assert made["explained"] == pytest.approx(1, abs=1e-6)


def test_a_person_is_told_what_a_projection_is_not_its_numbers(nearid, indexed):
    answer(nearid("spaces", "reduce", "color_texture", "-d", 6, "--to", "short", "--json"))
    told = answer(nearid("spaces", "info", "short", "--json"))
    kept = told["attributes"]["projection"]
    assert (kept["space"], kept["images"], kept["shape"]) == ("color_texture", 15, [6, 1664])
    assert not {"mean", "matrix"} & kept.keys()
    listed = answer(nearid("spaces", "list", "--json"))["spaces"]
    assert [(one["name"], one["dimension"]) for one in listed] == [("color_texture", 1664), ("short", 6)]


def test_photos_indexed_later_lie_where_they_would_have_lain(nearid, indexed, catalogue, tmp_path):
    answer(nearid("spaces", "reduce", "color_texture", "-d", 6, "--to", "short", "--json"))
    late = catalogue / "gallery" / "item1" / "3.jpg"
    shutil.copy(late, indexed / "item1" / "3.jpg")
    more = answer(nearid("index", indexed, "--space", "short", "--json"))
    assert (more["indexed"], more["skipped"]) == (1, 15)
    with open_store(f"embedded:{tmp_path / 'store.db'}") as store:
        projection = projection_of(store.info("short"))
        expected = projection.apply(load("color_texture").extract([read_image(late)]))
        np.testing.assert_allclose(store.get("short", ["item1/3.jpg"]).vectors, expected, atol=1e-6)
        assert store.count("color_texture") == 15
    wrong = [
        nearid("index", indexed, "--space", "short", *options, "--json")
        for options in (("--extractor", "phash"), ("--recipe", "resize=32"))
    ]
    assert [code for code, _, _ in wrong] == [2, 2]


def test_calibrating_evaluating_and_duplicates_go_through_the_projection(nearid, indexed, catalogue, tmp_path):
    answer(nearid("spaces", "calibrate", "--space", "color_texture", "--far", 0.2, "--json"))
    answer(nearid("spaces", "reduce", "color_texture", "-d", 6, "--to", "short", "--json"))
    made = answer(nearid("spaces", "calibrate", "--space", "short", "--far", 0.1, "--json"))
    assert -1 <= made["calibration"]["threshold"] <= 1
    queries = catalogue / "queries"
    answer(nearid("spaces", "calibrate", "--space", "short", "--queries", queries, "--json"))
    measured = answer(nearid("evaluate", "--queries", queries, "--space", "short", "--json"))
    assert (measured["top1"], measured["system"]["dimension"]) == (1, 6)
    place = ("--store", f"embedded:{tmp_path / 'store.db'}", "--space", "short")
    anew = answer(nearid("evaluate", "--queries", queries, "--gallery", indexed, *place, "--json"))
    assert (anew["top1"], anew["system"]["dimension"], anew["system"]["gallery images"]) == (1, 6, 15)
    copy = indexed / "item0" / "copy.jpg"
    shutil.copy(indexed / "item0" / "0.jpg", copy)
    options = ("-e", "color_texture", *place, "--threshold", 0.99999)
    grouped = answer(nearid("duplicates", indexed, *options, "--json"))
    paths = {Path(one["path"]).name for group in grouped["groups"] for one in group}
    assert {"copy.jpg", "0.jpg"} <= paths


def test_a_copy_in_another_store_answers_alike(nearid, indexed, catalogue, tmp_path):
    answer(nearid("spaces", "reduce", "color_texture", "-d", 6, "--to", "short", "--json"))
    qdrant = f"qdrant+local:{tmp_path / 'qdrant'}"
    answer(nearid("spaces", "copy", "short", "--to", qdrant, "--json"))
    query = catalogue / "queries" / "item3" / "4.jpg"
    here, there = (
        answer(nearid("search", query, "--space", "short", *store, "--json")) for store in ((), ("--store", qdrant))
    )
    assert here == there
    more = answer(nearid("index", catalogue / "new", "--store", qdrant, "--space", "short", "--json"))
    assert more["indexed"] == 12


@pytest.mark.parametrize(
    ("words", "status", "part"),
    [
        (("nothing", "-d", 4), 2, "'nothing'"),
        (("color_texture",), 2, "--dimension"),
        (("color_texture", "-d", 0), 2, "--dimension"),
        (("color_texture", "-d", 1665), 2, "cannot be reduced to 1665"),
        (("color_texture", "-d", 15), 2, "at most 14 directions"),
        (("color_texture", "-d", 4, "--power", 0.5), 2, "together with --whiten"),
        (("color_texture", "-d", 4, "--whiten", "--power", 0), 2, "above 0"),
        (("color_texture", "-d", 4, "--whiten", "--power", 2), 2, "not at 2.0"),
        (("color_texture", "-d", 4, "--to", "color_texture"), 2, "onto itself"),
        (("color_texture", "-d", 4, "--to", "taken"), 2, "'taken' already"),
        (("taken", "-d", 3), 2, "reduce the one it was made from, 'color_texture'"),
    ],
)
def test_what_cannot_be_is_one_line(nearid, indexed, words, status, part):
    answer(nearid("spaces", "reduce", "color_texture", "-d", 5, "--to", "taken", "--json"))
    code, out, err = nearid("spaces", "reduce", *words)
    assert (code, out) == (status, "")
    assert part in err
    assert err.count("\n") == 1


def test_a_damaged_projection_is_one_line(nearid, indexed, catalogue, tmp_path):
    answer(nearid("spaces", "reduce", "color_texture", "-d", 6, "--to", "short", "--json"))
    with open_store(f"embedded:{tmp_path / 'store.db'}") as store:
        kept = dict(store.info("short").attributes["projection"])
        store.annotate("short", {"projection": kept | {"matrix": kept["matrix"][:400], "sha256": "0" * 64}})
    query = catalogue / "queries" / "item3" / "4.jpg"
    for words in (("search", query), ("identify", query), ("index", indexed)):
        code, out, err = nearid(*words, "--space", "short")
        assert (code, out) == (1, "")
        assert "projection kept with space 'short' is damaged" in err
        assert err.count("\n") == 1
