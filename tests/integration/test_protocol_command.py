"""``nearid evaluate --protocol``: from files, and by asking a system."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FIXTURES = Path(__file__).parents[2].parent / "shared" / "fixtures" / "revisited"


def answer(result, status=0):
    code, out, err = result
    assert code == status, err
    assert out.count("\n") == 1
    return json.loads(out)


def test_the_official_numbers_come_from_two_files(nearid):
    if not (FIXTURES / "expected.json").exists():
        pytest.skip(f"the official protocol's answers are not at {FIXTURES}")
    files = ("--gnd", FIXTURES / "gnd.json", "--ranks", FIXTURES / "ranks.npy")
    measured = answer(nearid("evaluate", "--protocol", "revisited", *files, "--json"))
    expected = json.loads((FIXTURES / "expected.json").read_text())
    assert set(measured) == {"easy", "medium", "hard"}
    for setting, numbers in measured.items():
        assert numbers["map"] == pytest.approx(expected[setting]["mAP"], abs=1e-9)
        assert numbers["mp"] == pytest.approx(expected[setting]["mP"], abs=1e-9)


def test_protocols_are_listed(nearid):
    names = [protocol["name"] for protocol in answer(nearid("evaluate", "--protocol", "list", "--json"))["protocols"]]
    assert names[0] == "items" and "revisited" in names
    _, text, _ = nearid("evaluate", "--protocol", "list")
    assert all(name in text for name in names)
    status, _, err = nearid("evaluate", "--protocol", "unheard-of")
    assert status == 2 and all(name in err for name in names)


def test_numbers_are_printed_for_people_too(nearid, tmp_path):
    (tmp_path / "truth.csv").write_text("Q1,R1\n")
    (tmp_path / "answers.csv").write_text("Q1,R1,0.5\n")
    status, text, _ = nearid(
        "evaluate", "--protocol", "copy-detection", "--gnd", tmp_path / "truth.csv", "--ranks", tmp_path / "answers.csv"
    )
    assert status == 0
    assert "micro_ap" in text and "1.0000" in text


@pytest.fixture
def buildings(tmp_path):
    """Three buildings of one colour each, a query that shows the first beside another, and a distractor."""
    photos, others = tmp_path / "photos", tmp_path / "others"
    colours = {"first": (200, 30, 30), "second": (30, 200, 30), "third": (30, 30, 200)}
    for folder in (photos, others):
        folder.mkdir()
    for name, colour in colours.items():
        Image.new("RGB", (64, 64), colour).save(photos / f"{name}.jpg")
    both = np.zeros((64, 128, 3), np.uint8)
    both[:, :64], both[:, 64:] = colours["first"], colours["third"]
    Image.fromarray(both).save(photos / "asked.jpg", quality=95)
    Image.new("RGB", (64, 64), (190, 40, 40)).save(others / "near.jpg")
    query = {"easy": [0], "hard": [1], "junk": [], "bbx": [0, 0, 64, 64]}
    truth = {"imlist": list(colours), "qimlist": ["asked"], "gnd": [query]}
    (tmp_path / "gnd.json").write_text(json.dumps(truth))
    return tmp_path


def test_a_system_is_asked_with_what_the_box_shows(nearid, buildings):
    words = ("evaluate", "--protocol", "revisited", "--gnd", buildings / "gnd.json", "--gallery", buildings / "photos")
    measured = answer(nearid(*words, "--extractor", "color_texture", "--json"))
    assert measured["easy"]["map"] == 1.0  # the red half alone was asked with
    assert (measured["images"], measured["depth"], measured["failed"]) == (3, 3, [])
    harder = answer(nearid(*words, "--distractors", buildings / "others", "--extractor", "color_texture", "--json"))
    assert harder["images"] == 4
    assert harder["hard"]["map"] <= measured["hard"]["map"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "--queries PATH"),
        (("--queries", "x", "--gnd", "y"), "belong to the protocol of a benchmark"),
        (("--queries", "x", "-k", "5"), "belong to the protocol of a benchmark"),
        (("--protocol", "revisited"), "needs its ground truth"),
        (("--protocol", "revisited", "--gnd", "x", "--queries", "y"), "takes its queries from --gnd"),
        (("--protocol", "triplets", "--gnd", "x"), "give --ranks FILE"),
        (("--protocol", "triplets", "--gnd", "x", "--ranks", "y", "--gallery", "z"), "no --gallery"),
        (("--protocol", "revisited", "--gnd", "x", "--ranks", "y", "--gallery", "z"), "leave --ranks and -k out"),
        (("--protocol", "revisited", "--gnd", "x.json", "--ranks", "y"), "cannot be read"),
    ],
)
def test_what_does_not_go_together_is_said_in_one_line(nearid, words, message):
    status, out, err = nearid("evaluate", *words)
    assert status in (1, 2)
    assert message in err and err.count("\n") == 1 and not out
