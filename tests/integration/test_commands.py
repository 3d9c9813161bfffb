"""Every command as a person or a program would call it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def answer(result: tuple[int, str, str], status: int = 0) -> dict:
    code, out, err = result
    assert code == status, err
    assert out.count("\n") == 1, "exactly one line of JSON"
    return json.loads(out)


@pytest.fixture
def indexed(nearid, catalogue) -> dict:
    return answer(nearid("index", catalogue / "gallery", "--json"))


def test_index_says_what_it_did_and_skips_the_second_time(nearid, catalogue, indexed):
    assert indexed["space"] == indexed["extractor"] == "color_texture"
    assert (indexed["indexed"], indexed["skipped"], indexed["failed"]) == (20, 0, [])
    assert indexed["seconds"] > 0 and indexed["images_per_second"] > 0
    again = answer(nearid("index", catalogue / "gallery", "--json"))
    assert (again["indexed"], again["skipped"]) == (0, 20)


def test_search_finds_the_image_itself_first(nearid, catalogue, indexed):
    query = catalogue / "gallery" / "item2" / "1.jpg"
    found = answer(nearid("search", query, "-k", 3, "--json"))
    (result,) = found["results"]
    assert result["query"] == str(query)
    assert [hit["item"] for hit in result["hits"]] == ["item2"] * 3
    assert result["hits"][0]["id"] == "item2/1.jpg"
    assert result["hits"][0]["score"] == pytest.approx(1, abs=1e-4)
    assert result["hits"][0]["metadata"]["path"] == str(query)


def test_search_filters_and_cuts(nearid, catalogue, indexed):
    query = catalogue / "queries" / "item1" / "4.jpg"
    found = answer(nearid("search", query, "--where", "item=item0,item3", "--json"))
    assert {hit["item"] for hit in found["results"][0]["hits"]} == {"item0", "item3"}
    found = answer(nearid("search", query, "--min-score", "0.999999", "--json"))
    assert found["results"][0]["hits"] == []


def test_identify_tells_known_from_new(nearid, catalogue, indexed):
    known = sorted((catalogue / "queries").rglob("*.jpg"))
    new = sorted((catalogue / "new").rglob("*.jpg"))
    decisions = answer(nearid("identify", *known, *new, "--json"))["decisions"]
    by_query = {decision["query"]: decision for decision in decisions}
    for path in known:
        assert by_query[str(path)]["decision"] in ("known", "unsure")
        assert by_query[str(path)]["item"] == path.parent.name
        assert by_query[str(path)]["evidence"]["hits"]
    assert {by_query[str(path)]["decision"] for path in new} == {"new"}


def test_identify_takes_several_photos_of_one_item(nearid, catalogue, indexed):
    photos = sorted((catalogue / "queries" / "item3").iterdir())
    (decision,) = answer(nearid("identify", *photos, "--one-item", "--threshold", 0.5, "--json"))["decisions"]
    assert decision["item"] == "item3"
    assert decision["threshold"] == 0.5
    assert decision["evidence"]["photos"] == 2


def test_evaluate_ends_with_numbers_and_a_report(nearid, catalogue, tmp_path):
    result = answer(
        nearid(
            "evaluate", "--gallery", catalogue / "gallery", "--queries", catalogue / "queries",
            "--out", tmp_path / "report", "--json",
        )
    )  # fmt: skip
    assert result["n"] == 10
    assert result["top1"] == 1.0
    low, high = result["top1_ci95"]
    assert 0.65 < low < 1.0 == high
    assert result["recall"] == {"1": 1.0, "5": 1.0, "10": 1.0}
    assert 0 < result["map_at_r"] <= result["map"] <= 1
    assert 0.5 < result["open_set"]["auroc"] <= 1
    assert 0 < result["latency_ms"]["p50"] <= result["latency_ms"]["p95"]
    page = Path(result["report"]).read_text()
    assert "<html" in page and 'src="http' not in page


def test_evaluate_measures_items_the_gallery_does_not_know(nearid, catalogue, tmp_path):
    everything = tmp_path / "queries"
    shutil.copytree(catalogue / "queries", everything)
    shutil.copytree(catalogue / "new", everything, dirs_exist_ok=True)
    result = answer(nearid("evaluate", "--gallery", catalogue / "gallery", "--queries", everything, "--json"))
    assert result["open_set"]["n_unknown"] == 12
    assert result["n"] == 10


def test_evaluate_asks_the_space_that_is_there(nearid, catalogue, indexed):
    result = answer(nearid("evaluate", "--queries", catalogue / "queries", "--json"))
    assert (result["n"], result["top1"]) == (10, 1.0)


def test_duplicates_groups_copies(nearid, catalogue, tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(catalogue / "new", folder)
    shutil.copy(folder / "item5" / "0.jpg", folder / "copy.jpg")
    groups = answer(nearid("duplicates", folder, "--threshold", 1.0, "--json"))["groups"]
    assert [sorted(Path(one["path"]).name for one in group) for group in groups] == [["0.jpg", "copy.jpg"]]
    assert all(one["score"] == pytest.approx(1) for group in groups for one in group)
    assert not (tmp_path / "store.db").exists()  # the catalogue is left alone


def test_preprocess_writes_copies_once(nearid, catalogue, tmp_path):
    words = ("preprocess", catalogue / "queries", tmp_path / "out", "--recipe", "square, resize=32", "--json")
    assert answer(nearid(*words)) == {"written": 10, "skipped": 0, "failed": []}
    from PIL import Image

    assert Image.open(tmp_path / "out" / "item0" / "4.png").size == (32, 32)
    assert answer(nearid(*words)) == {"written": 0, "skipped": 10, "failed": []}


def test_spaces_are_listed_calibrated_and_dropped(nearid, indexed):
    (space,) = answer(nearid("spaces", "list", "--json"))["spaces"]
    assert (space["name"], space["count"]) == ("color_texture", 20)
    made = answer(nearid("spaces", "calibrate", "--far", 0.1, "--json"))["calibration"]
    info = answer(nearid("spaces", "info", "color_texture", "--json"))
    assert info["attributes"]["calibration"]["calibration"]["threshold"] == made["threshold"]
    assert answer(nearid("spaces", "drop", "color_texture", "--json"))["images"] == 20
    assert answer(nearid("spaces", "list", "--json"))["spaces"] == []


def test_extractors_are_listed(nearid):
    listed = {info["name"]: info for info in answer(nearid("extractors", "--json"))["extractors"]}
    assert {
        "alexnet",
        "vgg16",
        "resnet50",
        "efficientnet_b0",
        "vit_b_16",
        "mobilenet_v3_small",
        "phash",
        "color_texture",
    } <= set(listed)
    assert listed["alexnet"]["dimension"] == 256
    assert listed["phash"]["weights"] == "none needed"


def test_pruning_removes_what_is_gone(nearid, catalogue, tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(catalogue / "gallery", folder)
    answer(nearid("index", folder, "--json"))
    shutil.rmtree(folder / "item0")
    assert answer(nearid("index", folder, "--prune", "--json"))["removed"] == 4


def test_bad_photos_are_left_out_with_status_3(nearid, catalogue, tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(catalogue / "gallery", folder)
    (folder / "item0" / "0.jpg").write_bytes(b"")
    (folder / "item0" / "1.jpg").write_bytes((folder / "item0" / "2.jpg").read_bytes()[:700])
    report = answer(nearid("index", folder, "--json"), status=3)
    assert report["indexed"] == 18
    assert {Path(failure["path"]).name for failure in report["failed"]} == {"0.jpg", "1.jpg"}
    status, _, err = nearid("index", folder)
    assert status == 3
    assert "left out" in err and "Traceback" not in err


WRONG_USE = [
    (("index", "nowhere"), 2, "no such file or folder"),
    (("index", "{empty}"), 1, "no photos"),
    (("index", "{photos}", "--extractor", "alexnett"), 2, "alexnet"),
    (("index", "{photos}", "--recipe", "resiz=3"), 2, "resize"),
    (("index", "{photos}", "--item-from", "moon"), 2, "folder"),
    (("index", "{photos}", "--store", "redis://x"), 2, "embedded"),
    (("index", "{photos}", "--index", "Flaat"), 2, "Flaat"),
    (("search", "{query}"), 2, "empty"),
    (("search", "{query}", "--space", "none"), 2, "none"),
    (("search", "{query}", "--where", "item"), 2, "field=value"),
    (("identify", "{query}", "--threshold", "7"), 2, "--threshold"),
    (("spaces", "drop", "none"), 2, "none"),
    (("evaluate",), 2, "--queries"),
    (("preprocess", "{photos}", "{out}", "--recipe", "square", "--format", "eps"), 2, "png"),
    (("dataset", "fetch", "nothing", "{out}"), 2, "grocery"),
    (("nonsense",), 2, "nonsense"),
]


@pytest.mark.parametrize(("words", "status", "message"), WRONG_USE, ids=lambda value: str(value)[:50])
def test_wrong_use_is_one_line_that_helps(nearid, catalogue, tmp_path, words, status, message):
    (tmp_path / "empty").mkdir()
    places = {
        "{empty}": tmp_path / "empty",
        "{photos}": catalogue / "queries",
        "{query}": catalogue / "queries" / "item0" / "4.jpg",
        "{out}": tmp_path / "out",
    }
    code, out, err = nearid(*(places.get(word, word) for word in words))
    assert code == status, err
    assert message in err
    assert "Traceback" not in err
    assert out == ""


def test_an_error_is_one_object_for_programs(nearid, catalogue):
    code, out, err = nearid("search", catalogue / "queries" / "item0" / "4.jpg", "--space", "none", "--json")
    assert code == 2
    assert json.loads(out)["error"]["code"] == "space_not_found"
    assert err.startswith("error: ")


def test_the_wrong_extractor_names_both_fingerprints_and_loses_nothing(nearid, catalogue, indexed):
    code, _, err = nearid("index", catalogue / "gallery", "--recipe", "resize=32", "--space", "color_texture")
    assert code == 2
    assert err.count("fingerprint") >= 1
    assert answer(nearid("spaces", "list", "--json"))["spaces"][0]["count"] == 20


def test_the_console_script_answers(catalogue):
    done = subprocess.run(
        [Path(sys.executable).with_name("nearid"), "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    for command in (
        "index",
        "search",
        "identify",
        "evaluate",
        "duplicates",
        "preprocess",
        "dataset",
        "spaces",
        "train",
        "models",
        "extractors",
    ):
        assert command in done.stdout


ASK_FOR_HELP = """
import sys
from util.cli import main
sys.argv = ["nearid", "--help"]
try:
    main()
except SystemExit:
    heavy = {"torch", "numpy", "pydantic", "rich", "faiss", "cv2", "scipy", "matplotlib", "rembg", "pandas", "PIL"}
    print(heavy & set(sys.modules), file=sys.stderr)
"""


def test_help_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", ASK_FOR_HELP], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr.strip() == "set()"
