"""``nearid dataset disturb``: a test set that ``nearid evaluate`` can ask."""

import csv
import json
import shutil


def answer(result, status=0):
    code, out, err = result
    assert code == status, err
    assert out.count("\n") == 1
    return json.loads(out)


def test_a_disturbed_set_is_written_and_asked(nearid, catalogue, tmp_path):
    words = ("--disturb", "light,blur", "--strengths", "0.2,1", "--seed", 3, "--json")
    made = answer(nearid("dataset", "disturb", catalogue / "queries", tmp_path / "set", *words))
    assert made == {"written": 10 * 5, "list": str(tmp_path / "set" / "meta.csv"), "failed": []}
    with (tmp_path / "set" / "meta.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["disturbance"], float(row["strength"])) for row in rows} == {
        ("none", 0), ("light", 0.2), ("light", 1), ("blur", 0.2), ("blur", 1),
    }  # fmt: skip
    assert {row["class"] for row in rows} == {f"item{number}" for number in range(5)}
    asked = answer(
        nearid("evaluate", "--gallery", catalogue / "gallery", "--queries", tmp_path / "set" / "meta.csv", "--json")
    )
    assert asked["n"] == 50 and asked["top1"] > 0.2


def test_photos_that_cannot_be_read_are_named_at_the_end(nearid, catalogue, tmp_path):
    photos = tmp_path / "photos"
    shutil.copytree(catalogue / "new", photos)
    (photos / "item5" / "broken.jpg").write_bytes(b"no photo")
    made = answer(nearid("dataset", "disturb", photos, tmp_path / "set", "--disturb", "jpeg", "--json"), status=3)
    assert made["written"] == 12 * 4
    assert [failure["path"].endswith("broken.jpg") for failure in made["failed"]] == [True]


def test_what_is_no_disturbance_or_strength_is_said_in_one_line(nearid, catalogue, tmp_path):
    for words, message in (
        (("--disturb", "fog"), "there are light, temperature"),
        (("--strengths", "high"), "--strengths are numbers"),
        (("--strengths", "0.5,2"), "lies in [0, 1]"),
    ):
        status, _, err = nearid("dataset", "disturb", catalogue / "new", tmp_path / "set", *words)
        assert status == 2 and message in err and err.count("\n") == 1


def test_all_disturbances_are_named_in_the_help(nearid):
    from util.datasets.disturbances import DISTURBANCES

    _, text, _ = nearid("dataset", "disturb", "--help")
    assert all(kind in text for kind in DISTURBANCES)
