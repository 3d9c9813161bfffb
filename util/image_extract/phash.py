"""Perceptual hash: is this the same picture, after recompression, rescaling or a slight change of light?"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from util.image_extract._descriptor import Descriptor

SIDE = 32
KEPT = 8


class PHash(Descriptor):
    """The 64-bit DCT hash as a vector: bit 1 is +1/8 and bit 0 is -1/8, so cosine = 1 - 2 · hamming / 64.

    The bits are those of ``imagehash.phash`` (hash_size 8, highfreq_factor 4) for the same 32×32 grey picture: the
    8×8 lowest frequencies of its two-dimensional DCT-II, the constant one among them, each compared with the median
    of all 64. Hashes of files may differ from that library's in a few bits, because NearID turns photos upright,
    composites them on black and shrinks by averaging areas, where imagehash shrinks by Lanczos.

    It knows pictures, not things: another photo of the same item has another hash.

    Reference: N. Krawetz, "Looks Like It", 2011, https://www.hackerfactor.com/blog/?/archives/432-Looks-Like-It.html;
    C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010.
    """

    name = "phash"
    dimension = KEPT * KEPT
    default_recipe = f"resize={SIDE}"
    batch_size = 256
    duplicate_score = 1 - 2 * 6 / 64  # six bits of 64

    def describe(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The hash of one RGB image as 64 numbers, +1/8 or -1/8, row by row from the lowest frequency.

        >>> ramp = np.tile(np.arange(32, dtype=np.uint8)[:, None, None] * 8, (1, 32, 3))
        >>> hash_, negative = PHash().describe(ramp), PHash().describe(255 - ramp)
        >>> float(hash_ @ hash_), float(hash_ @ negative) < 1
        (1.0, True)
        """
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if grey.shape != (SIDE, SIDE):  # a recipe of the user's may end in another size
            grey = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        low = dctn(grey.astype(np.float64), type=2)[:KEPT, :KEPT]
        bits = low > np.median(low)
        return np.where(bits, np.float32(1 / KEPT), np.float32(-1 / KEPT)).ravel()
