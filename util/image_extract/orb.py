"""What is printed on a thing: its small details, wherever they are; nothing is learned."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from util.image_extract._descriptor import Descriptor

SIDE = 256
KEYPOINTS = 500
TABLES, BITS = 16, 7
BUCKETS = 1 << BITS
CENTRE_WIDTH = 0.25

# Which of the 256 bits of a descriptor make up the code of each table: all different, and far apart in its pattern.
BITS_OF_TABLE = (np.arange(256) * 101 % 256)[: TABLES * BITS].reshape(TABLES, BITS)
BIT_VALUES = 1 << np.arange(BITS)
FIRST_BUCKET = np.arange(TABLES) * BUCKETS


class Orb(Descriptor):
    """ORB descriptors counted by locality-sensitive hashing: 16 tables of 128 buckets, and one for blank pictures.

    Up to 500 corners are described by 256 binary comparisons each, turned upright. Seven of the bits are a bucket of
    the first table, seven others one of the second, and so on; descriptors that differ in few bits share most of
    their buckets, so the cosine of two pictures grows with the number of details they share. Corners count more near
    the centre; counts are tamed by a square root; the mean of each table is taken off, since what falls anywhere says
    nothing. A picture without corners resembles other such pictures and nothing else.

    It tells things of equal colour apart by their print, where ``color_texture`` cannot, and is of little use for
    things without print, such as fruit. ``benchmarks/results/weight_free.json`` compares the two.

    References: E. Rublee, V. Rabaud, K. Konolige, G. Bradski, "ORB: an efficient alternative to SIFT or SURF", ICCV
    2011; P. Indyk, R. Motwani, "Approximate nearest neighbors: towards removing the curse of dimensionality", STOC
    1998, for hashing by some of the bits.
    """

    name = "orb"
    dimension = TABLES * BUCKETS + 1
    default_recipe = f"square, resize={SIDE}"
    duplicate_score = 0.83

    def describe(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The descriptor of one RGB image of any size: float32 (2049,).

        >>> blank = np.zeros((50, 50, 3), np.uint8)
        >>> float(Orb().describe(blank)[-1])
        1.0
        """
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
        counts = count_details(grey)
        tamed = np.sqrt(counts)
        tamed -= tamed.mean(axis=1, keepdims=True)
        return np.append(tamed, 0.0 if counts.any() else 1.0).astype(np.float32)


def count_details(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Weights of the details that fall into each bucket: (16, 128).

    Args:
        grey: uint8 H×W.
    """
    # Made anew each time: an ORB object must not be shared between threads, and it costs microseconds.
    orb = cv2.ORB.create(KEYPOINTS, edgeThreshold=15, fastThreshold=5)
    keypoints, descriptors = orb.detectAndCompute(grey, None)
    if not keypoints:
        return np.zeros((TABLES, BUCKETS))
    offsets = np.asarray(cv2.KeyPoint.convert(keypoints)) / grey.shape[::-1] - 0.5
    weights = np.exp(-np.sum(offsets**2, axis=1) / (2 * CENTRE_WIDTH**2))
    bits = np.unpackbits(descriptors.astype(np.uint8), axis=1)
    buckets = bits[:, BITS_OF_TABLE] @ BIT_VALUES + FIRST_BUCKET
    counts = np.bincount(buckets.ravel(), np.repeat(weights, TABLES), minlength=TABLES * BUCKETS)
    return counts.reshape(TABLES, BUCKETS).astype(np.float64, copy=False)
