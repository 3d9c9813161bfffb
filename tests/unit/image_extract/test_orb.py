"""Details counted by hashing, against dictionaries; and what the vector is for."""

import math
from collections import Counter

import cv2
import numpy as np
import pytest

from util.image_extract import load
from util.image_extract import orb as module


def printed(word: str, brand: str = "NearID") -> np.ndarray:
    """A light label with a brand and a word on it: uint8 256×256×3."""
    label = np.full((256, 256, 3), 225, np.uint8)
    cv2.putText(label, brand, (40, 70), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (30, 30, 120), 3)
    cv2.putText(label, word, (40, 130), cv2.FONT_HERSHEY_SIMPLEX, 1.8, (20, 20, 20), 4)
    return label


def test_buckets_count_the_chosen_bits_of_each_descriptor():
    grey = cv2.cvtColor(printed("OAT"), cv2.COLOR_RGB2GRAY)
    detector = cv2.ORB.create(500, edgeThreshold=15, fastThreshold=5)
    keypoints, descriptors = detector.detectAndCompute(grey, None)
    expected = Counter()
    for keypoint, descriptor in zip(keypoints, descriptors, strict=True):
        written = "".join(f"{byte:08b}" for byte in descriptor)
        squared = sum((place / 256 - 0.5) ** 2 for place in keypoint.pt)
        for table in range(16):
            bits = [written[(7 * table + bit) * 101 % 256] for bit in range(7)]
            bucket = sum(2**place for place, bit in enumerate(bits) if bit == "1")
            expected[table, bucket] += math.exp(-squared / (2 * 0.25**2))
    counts = module.count_details(grey)
    assert len(keypoints) > 30
    assert {(int(t), int(b)) for t, b in np.argwhere(counts > 0)} == set(expected)
    for (table, bucket), weight in expected.items():
        assert counts[table, bucket] == pytest.approx(weight)


def test_no_bit_counts_twice():
    assert len(np.unique(module.BITS_OF_TABLE)) == module.BITS_OF_TABLE.size


def test_a_moved_label_is_nearer_than_another_word():
    oat, moved, soy = load("orb").extract([printed("OAT"), np.roll(printed("OAT"), (9, 14), (0, 1)), printed("SOY")])
    assert oat @ moved > oat @ soy


def test_a_turned_label_is_nearer_than_another_label():
    turn = cv2.getRotationMatrix2D((128, 128), 12, 1.0)
    turned = cv2.warpAffine(printed("OAT"), turn, (256, 256), borderMode=cv2.BORDER_REPLICATE)
    oat, other_way, soy = load("orb").extract([printed("OAT"), turned, printed("SOY", "Kvist")])
    assert oat @ other_way > oat @ soy


def test_colour_does_not_matter():
    plain = printed("OAT")
    tinted = cv2.cvtColor(cv2.cvtColor(plain, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    first, second = load("orb").extract([plain, tinted])
    assert first @ second > 0.99


def test_blank_pictures_resemble_each_other_and_nothing_else():
    white, black, label = load("orb").extract(
        [np.full((99, 50, 3), 255, np.uint8), np.zeros((30, 30, 3), np.uint8), printed("OAT")]
    )
    assert float(white @ black) == pytest.approx(1)
    assert float(white @ label) == 0


def test_many_threads_find_what_one_does():
    from concurrent.futures import ThreadPoolExecutor

    labels = [printed(word) for word in ("OAT", "SOY", "RICE", "PEA")] * 4
    extractor = load("orb")
    alone = [extractor.extract([label]) for label in labels]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda label: extractor.extract([label]), labels))
    np.testing.assert_array_equal(np.concatenate(alone), np.concatenate(together))
