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


@pytest.fixture
def shelf(nearid, labels, tmp_path):
    """The other label is indexed, and a blank photo; the plain one is the query."""
    (tmp_path / "shelf" / "oat drink").mkdir(parents=True)
    labels[1].rename(tmp_path / "shelf" / "oat drink" / "side view.png")
    cv2.imwrite(str(tmp_path / "shelf" / "blank.png"), np.full((40, 40, 3), 9, np.uint8))
    assert nearid("index", tmp_path / "shelf", "--extractor", "color_texture", "--json")[0] == 0
    return labels[0]


def test_a_search_draws_what_it_matched(nearid, shelf, tmp_path):
    words = ("search", shelf, "-k", 2, "--rerank", "aqe+sift:top=2", "--explain", tmp_path / "why", "--explain-hits", 2)
    status, out, err = nearid(*words, "--json")
    assert (status, err) == (0, "")
    [result] = json.loads(out)["results"]
    assert [hit["id"] for hit in result["hits"]] == ["oat drink/side view.png", "blank.png"]
    pictures = [hit["picture"] for hit in result["hits"]]
    assert sorted(pictures) == sorted(map(str, (tmp_path / "why").iterdir()))
    assert pictures[0].endswith("-plain-hit1-oat-drink-side-view.png")
    matched, unmatched = (cv2.imread(picture) for picture in pictures)
    assert matched.shape[1] == unmatched.shape[1] == 1000
    assert matched.shape[0] > unmatched.shape[0], "only what matches has a map of differences below"
    plain = json.loads(nearid("search", shelf, "-k", 2, "--rerank", "aqe+sift:top=2", "--json")[1])["results"][0]
    assert [{**hit, "picture": None} for hit in plain["hits"]] == [{**hit, "picture": None} for hit in result["hits"]]

    status, out, _ = nearid("search", shelf, "-k", 1, "--rerank", "sift", "--explain", tmp_path / "why2")
    assert status == 0
    assert f"picture: {tmp_path / 'why2'}" in out
    assert len(list((tmp_path / "why2").iterdir())) == 1


def test_a_hit_whose_photo_is_gone_has_no_picture(nearid, shelf, tmp_path):
    (tmp_path / "shelf" / "oat drink" / "side view.png").unlink()
    status, out, _ = nearid(
        "search", shelf, "--rerank", "sift", "--explain", tmp_path / "why", "--explain-hits", 5, "--json"
    )
    hits = {hit["id"]: hit for hit in json.loads(out)["results"][0]["hits"]}
    assert status == 0
    assert "picture" not in hits["oat drink/side view.png"]
    assert hits["oat drink/side view.png"]["evidence"]["problem"]
    assert "picture" in hits["blank.png"]

    status, out, err = nearid("search", shelf, "--rerank", "second_look:extractor=phash+sift")
    assert (status, "oat drink/side view.png" in out) == (0, True)
    assert err.count("not looked at: ") == err.count("\n") == 1
    assert "side view.png: no such file" in err


@pytest.mark.parametrize("words", [(), ("--rerank", "aqe")])
def test_only_what_matches_points_can_be_drawn(nearid, shelf, tmp_path, words):
    status, out, err = nearid("search", shelf, "--explain", tmp_path / "why", *words)
    assert (status, out) == (2, "")
    assert "add --rerank sift" in err
