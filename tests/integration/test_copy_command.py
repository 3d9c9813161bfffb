"""``nearid spaces copy`` as a person or a program would call it."""

import json

import pytest


def answer(result: tuple[int, str, str], status: int = 0) -> dict:
    code, out, err = result
    assert code == status, err
    assert out.count("\n") == 1, "exactly one line of JSON"
    return json.loads(out)


@pytest.fixture
def indexed(nearid, catalogue) -> None:
    answer(nearid("index", catalogue / "gallery", "--json"))
    answer(nearid("spaces", "calibrate", "--far", 0.1, "--json"))


def test_to_another_store_and_back(nearid, indexed, catalogue, tmp_path):
    qdrant, back = f"qdrant+local:{tmp_path / 'qdrant'}", f"embedded:{tmp_path / 'back.db'}"
    there = answer(nearid("spaces", "copy", "color_texture", "--to", qdrant, "--as", "bottles: früh", "--json"))
    assert there["from"] == f"embedded:{tmp_path / 'store.db'}"
    assert (there["to"], there["space"], there["as"]) == (qdrant, "color_texture", "bottles: früh")
    assert (there["images"], there["written"], there["skipped"], there["verified"]) == (20, 20, 0, True)
    home = answer(
        nearid("spaces", "copy", "bottles: früh", "--from", qdrant, "--to", back, "--as", "color_texture", "--json")
    )
    assert home["checksum"] == there["checksum"]
    again = answer(nearid("spaces", "copy", "bottles: früh", "--from", qdrant, "--to", back, "--json"))
    assert again["written"] == 20
    query = catalogue / "queries" / "item3" / "4.jpg"
    answers = [
        answer(nearid(command, query, "--store", url, "--space", space, "--json")) | {"space": ""}
        for command in ("search", "identify")
        for url, space in ((there["from"], "color_texture"), (qdrant, "bottles: früh"), (back, "color_texture"))
    ]
    assert answers[0] == answers[1] == answers[2]
    assert answers[3] == answers[4] == answers[5], "the calibration came along"


def test_verifying_only(nearid, indexed, tmp_path):
    url = f"embedded:{tmp_path / 'copy.db'}"
    code, _, err = nearid("spaces", "copy", "color_texture", "--to", url, "--verify-only")
    assert (code, "no space named 'color_texture'" in err) == (2, True)
    answer(nearid("spaces", "copy", "color_texture", "--to", url, "--json"))
    same = answer(nearid("spaces", "copy", "color_texture", "--to", url, "--verify-only", "--json"))
    assert (same["images"], same["written"], same["verified"]) == (20, 0, True)
    code, out, _ = nearid("spaces", "copy", "color_texture", "--to", url, "--verify-only")
    assert (code, "20 images, all equal" in out) == (0, True)


def test_for_a_person(nearid, indexed, tmp_path):
    code, out, _ = nearid("spaces", "copy", "color_texture", "--to", f"embedded:{tmp_path / 'copy.db'}")
    assert code == 0
    assert "20 images, 20 written, 0 there before" in out


def test_a_copy_onto_a_space_of_another_recipe_is_refused(nearid, indexed, catalogue, tmp_path):
    url = f"embedded:{tmp_path / 'copy.db'}"
    nearid("index", catalogue / "gallery", "--recipe", "resize=32", "--space", "color_texture", "--store", url)
    refused = answer(nearid("spaces", "copy", "color_texture", "--to", url, "--json"), status=2)
    assert refused["error"]["code"] == "fingerprint_mismatch"


@pytest.mark.parametrize(
    ("words", "status", "part"),
    [
        (("color_texture",), 2, "--to"),
        (("nothing", "--to", "embedded:{}/x.db"), 2, "'nothing'"),
        (("color_texture", "--to", "embedded:{}/store.db"), 2, "onto itself"),
        (("color_texture", "--to", "milvus:x"), 2, "qdrant+http"),
        (("color_texture", "--to", "qdrant+http://:hunter2@127.0.0.1:1"), 1, "cannot be reached"),
        (("color_texture", "--to", "embedded:{}/x.db", "--batch-size", "0"), 2, "--batch-size"),
    ],
)
def test_what_cannot_be_is_one_line(nearid, indexed, tmp_path, words, status, part):
    code, out, err = nearid("spaces", "copy", *(word.replace("{}", str(tmp_path)) for word in words))
    assert (code, out) == (status, "")
    assert part in err
    assert err.count("\n") == 1
    assert "hunter2" not in err
