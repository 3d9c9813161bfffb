"""What matches and what differs, as a person or a program would ask."""

import json

import cv2
import numpy as np
import pytest


@pytest.fixture
def labels(tmp_path):
    """Two labels that differ in one word; the second is photographed from the side."""
    paths = []
    side = np.array([[0.9, -0.1, 30], [0.12, 0.92, 4], [1e-4, 2e-4, 1]])
    for name, word in (("plain", "vanilla"), ("other", "cacao")):
        image = np.full((240, 280, 3), 240, np.uint8)
        for line, text in enumerate(("CALDER", word, "organic 1 l", "oat drink")):
            cv2.putText(image, text, (15, 45 + 55 * line), cv2.FONT_HERSHEY_DUPLEX, 1.2, (30, 60, 90), 2, cv2.LINE_AA)
        if name == "other":
            image = cv2.warpPerspective(image, side, (300, 280))
        paths.append(tmp_path / f"{name}.png")
        cv2.imwrite(str(paths[-1]), image)
    return paths


def test_one_object_and_a_picture(nearid, labels, tmp_path):
    status, out, err = nearid("explain", *labels, "--out", tmp_path / "new" / "picture.png", "--json")
    told = json.loads(out)
    assert (status, err) == (0, "")
    assert told["inliers"] == len(told["query_points"]) > 20
    left, top, right, bottom = told["regions"][0]["box"]
    assert left < 90 < right
    assert top < 85 < bottom
    assert bottom - top < 80
    assert told["picture"] == str(tmp_path / "new" / "picture.png")
    assert cv2.imread(told["picture"]).shape[1] == 1000


def test_a_person_reads_what_was_found(nearid, labels):
    status, out, _ = nearid("explain", *labels)
    assert status == 0
    assert "pairs of points follow one motion; print differs by" in out
    assert "differs most" in out


def test_photos_of_nothing_are_no_error(nearid, tmp_path):
    path = tmp_path / "blank.png"
    cv2.imwrite(str(path), np.full((1, 1, 3), 9, np.uint8))
    status, out, _ = nearid("explain", path, path, "--json")
    assert status == 0
    assert (json.loads(out)["inliers"], json.loads(out)["model"]) == (0, None)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("--matcher", "surf"), 2, "no matcher is called 'surf'"),
        (("--matcher", "loftr", "--weights-dir", "{tmp}/none"), 1, "loftr_outdoor.ckpt"),
        (("--out", "{tmp}/picture.xyz"), 2, "no picture can be written"),
    ],
)
def test_mistakes_are_told_in_one_line(nearid, labels, tmp_path, words, status, message):
    left, out, err = nearid("explain", *labels, *(word.format(tmp=tmp_path) for word in words))
    assert (left, out) == (status, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_photo_that_is_none(nearid, labels, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    status, out, err = nearid("explain", labels[0], broken, "--json")
    assert status == 1
    assert json.loads(out)["error"]["code"] == "image_unreadable"
    assert "broken.jpg" in err
