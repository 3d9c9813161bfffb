"""SAHA and LoFTR with random weights from files: everything runs but the result's quality."""

import numpy as np
import pytest

from util.errors import ExtractorUnavailableError, InvalidInputError, WeightsMissingError
from util.rerank.local.loading import load_matcher
from util.rerank.local.loftr import LoftrMatcher
from util.rerank.local.saha import SahaMatcher


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Files as the authors publish them, with untrained weights."""
    import torch
    from kornia.feature import HardNet8, LAFAffNetShapeEstimator, LoFTR

    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    torch.save({"state_dict": LAFAffNetShapeEstimator(pretrained=False).state_dict()}, folder / "AffNet.pth")
    torch.save(HardNet8(pretrained=False).state_dict(), folder / "hardnet8v2.pt")
    torch.save({"state_dict": LoFTR(pretrained=None).state_dict()}, folder / "loftr_outdoor.ckpt")
    return folder


def test_saha_describes_each_keypoint_in_128_numbers(weights, label):
    matcher = SahaMatcher(weights_dir=weights, keypoints=200)
    first, second = matcher.describe(label()), matcher.describe(label())
    assert first["descriptors"].dtype == np.float16
    assert first["descriptors"].shape == (len(first["points"]), 128)
    assert 100 < len(first["points"]) <= 210
    lengths = np.linalg.norm(first["descriptors"].astype(np.float32), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=0.01)
    np.testing.assert_array_equal(first["descriptors"], second["descriptors"])


def test_saha_matches_a_photo_with_itself(weights, label):
    matcher = SahaMatcher(weights_dir=weights, keypoints=200)
    described = matcher.describe(label())
    found = matcher.match(described, described)
    assert len(found) > 20
    np.testing.assert_allclose(found.query, found.candidate, atol=1.0)


def test_a_patch_turns_with_its_keypoint(weights, label):
    """A photo turned by 90° has the same patches: a wrong sign of the angle would show here."""
    matcher = SahaMatcher(weights_dir=weights, keypoints=300)
    upright = label()
    turned = np.ascontiguousarray(np.rot90(upright))  # counter-clockwise: (x, y) goes to (y, 299 − x)
    found = matcher.match(matcher.describe(upright), matcher.describe(turned))
    expected = np.column_stack([found.query[:, 1], 299 - found.query[:, 0]])
    assert len(found) > 20
    assert np.median(np.linalg.norm(found.candidate - expected, axis=1)) < 2


def test_saha_finds_nothing_on_blank_paper(weights, label):
    matcher = SahaMatcher(weights_dir=weights, keypoints=50)
    blank = matcher.describe(np.full((64, 64, 3), 255, np.uint8))
    assert blank["descriptors"].shape == (0, 128)
    assert len(matcher.match(blank, matcher.describe(label()))) == 0


def test_other_weights_are_another_key(weights, tmp_path):
    import torch
    from kornia.feature import HardNet8

    (tmp_path / "AffNet.pth").write_bytes((weights / "AffNet.pth").read_bytes())
    torch.save(HardNet8(pretrained=False).state_dict(), tmp_path / "hardnet8v2.pt")
    assert SahaMatcher(weights_dir=weights).key != SahaMatcher(weights_dir=tmp_path).key


@pytest.mark.slow
def test_loftr_gives_places_in_the_photos_as_decoded(weights, label):
    matcher = LoftrMatcher(weights_dir=weights, side=128, confidence=1e-9)
    large = label().repeat(2, axis=0).repeat(2, axis=1)
    found = matcher.match(matcher.describe(large), matcher.describe(label()))
    assert found.query.shape == found.candidate.shape
    assert found.query.dtype == np.float32
    assert found.query.max(initial=0) <= 600
    assert found.candidate.max(initial=0) <= 300


def test_loftr_keeps_a_grey_photo_with_sides_of_eights(label):
    described = LoftrMatcher(side=100).describe(np.concatenate([label(), label()], axis=1))
    assert described["grey"].shape == (48, 96)
    assert described["size"].tolist() == [600, 300]


def test_loftr_does_not_look_at_specks(label):
    """No weights are needed to say that there is nothing to match."""
    matcher = LoftrMatcher(weights_dir=None)
    speck = matcher.describe(np.zeros((1, 1, 3), np.uint8))
    assert len(matcher.match(speck, matcher.describe(label()))) == 0


@pytest.mark.parametrize(("name", "file"), [("saha", "AffNet.pth"), ("loftr", "loftr_outdoor.ckpt")])
def test_missing_weights_are_named_with_their_place(tmp_path, label, name, file):
    matcher = load_matcher(name, weights_dir=tmp_path)
    with pytest.raises(WeightsMissingError, match=f"put https://.*{file} at {tmp_path / file}"):
        matcher.match(matcher.describe(label()), matcher.describe(label()))


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04broken"])
def test_damaged_weights_are_named(weights, tmp_path, label, content):
    (tmp_path / "AffNet.pth").write_bytes(content)
    (tmp_path / "hardnet8v2.pt").write_bytes((weights / "hardnet8v2.pt").read_bytes())
    with pytest.raises(ExtractorUnavailableError, match=r"AffNet\.pth"):
        SahaMatcher(weights_dir=tmp_path).describe(label())


def test_weights_of_another_network_are_named(weights, tmp_path, label):
    (tmp_path / "AffNet.pth").write_bytes((weights / "hardnet8v2.pt").read_bytes())
    (tmp_path / "hardnet8v2.pt").write_bytes((weights / "hardnet8v2.pt").read_bytes())
    with pytest.raises(ExtractorUnavailableError, match="AffNet"):
        SahaMatcher(weights_dir=tmp_path).describe(label())


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (SahaMatcher, {"side": 5}),
        (SahaMatcher, {"keypoints": 0}),
        (LoftrMatcher, {"side": 8}),
        (LoftrMatcher, {"confidence": 0.0}),
    ],
)
def test_options_out_of_range_are_refused(kind, options):
    with pytest.raises(InvalidInputError, match="needs a side"):
        kind(**options)


def test_matchers_go_by_name():
    assert load_matcher().name == "sift"
    with pytest.raises(InvalidInputError, match="sift, saha, loftr"):
        load_matcher("surf")
