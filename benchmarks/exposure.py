"""Exposure correction (DUAL) against the published implementation's way, in one run.

    python benchmarks/exposure.py [--image FILE] [--fixtures FOLDER] [--out FILE.json]

The published way (https://github.com/pvnieo/Low-light-Image-Enhancement) assembles the sparse matrix entry by entry
in Python and solves it by SciPy's general solver. It is written anew here from the description of the algorithm.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from _provenance import provenance
from _timing import turn_by_turn
from scipy.sparse import csc_array
from scipy.sparse.linalg import spsolve

from util.images import read_image
from util.preprocess.exposure import correct_exposure

RESULTS = Path(__file__).parent / "results"
SHARED = Path("../shared")
SIDES = (224, 348)


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", type=Path, help="a photo; by default the first of the Grocery set")
    parser.add_argument("--fixtures", type=Path, default=SHARED / "fixtures" / "exposure")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path, default=RESULTS / "exposure.json")
    arguments = parser.parse_args()
    photo = arguments.image or sorted((SHARED / "data" / "grocery" / "train").rglob("*.jpg"))[0]

    timings = {}
    for side in SIDES:
        image = cv2.resize(read_image(photo)[..., :3], (side, side), interpolation=cv2.INTER_AREA)
        taken = turn_by_turn(
            {"published_way": lambda _, i=image: published_way(i), "nearid": lambda _, i=image: correct_exposure(i)},
            repeats=arguments.repeats,
            warm_up=1,
        )
        ratio = taken["published_way"]["median_ms"] / taken["nearid"]["median_ms"]
        timings[f"{side}x{side}"] = {**taken, "times_faster": round(ratio, 1)}
    result = {
        "milliseconds": timings,
        "psnr_db": agreement(arguments.fixtures),
        "provenance": provenance("numba", "numpy", "scipy", "opencv-python-headless"),
    }
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def published_way(image: np.ndarray, gamma: float = 0.6, lambda_: float = 0.15, eps: float = 1e-3) -> np.ndarray:
    """DUAL with a matrix filled entry by entry and a general sparse solver."""
    unit = image / 255.0

    def correct(picture: np.ndarray) -> np.ndarray:
        brightness = picture.max(axis=2)
        light = spsolve(system(brightness, lambda_, eps), brightness.ravel()).reshape(brightness.shape)
        return picture / (np.clip(light, eps, 1) ** gamma)[..., None]

    stack = [np.clip(part * 255, 0, 255).astype(np.uint8) for part in (unit, correct(unit), 1 - correct(1 - unit))]
    return np.clip(cv2.createMergeMertens(1, 1, 1).process(stack) * 255, 0, 255).astype(np.uint8)


def system(brightness: np.ndarray, lambda_: float, eps: float) -> csc_array:
    """The matrix of the illumination equations, one entry after the other."""
    height, width = brightness.shape
    offsets = np.arange(15) - 7
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None, :] ** 2) / (2 * 3.0**2))

    def weights(dx: int, dy: int) -> np.ndarray:
        gradient = cv2.Sobel(brightness, cv2.CV_64F, dx, dy, ksize=1)
        smooth = cv2.filter2D(gradient, cv2.CV_64F, window, borderType=cv2.BORDER_CONSTANT)
        reach = cv2.filter2D(np.ones_like(gradient), cv2.CV_64F, window, borderType=cv2.BORDER_CONSTANT)
        return reach / (np.abs(smooth) + eps) / (np.abs(gradient) + eps)

    across, down = weights(1, 0), weights(0, 1)
    rows, columns, values = [], [], []
    for here in range(height * width):
        y, x = divmod(here, width)
        total = 0.0
        for i, j, rates in ((y, x - 1, across), (y, x + 1, across), (y - 1, x, down), (y + 1, x, down)):
            if 0 <= i < height and 0 <= j < width:
                rate = lambda_ * rates[i, j]
                total += rate
                rows.append(here)
                columns.append(i * width + j)
                values.append(-rate)
        rows.append(here)
        columns.append(here)
        values.append(1 + total)
    return csc_array((values, (rows, columns)), shape=(height * width, height * width))


def agreement(fixtures: Path) -> dict[str, float]:
    """PSNR against the outputs of the published implementation, by picture."""
    found = {}
    for expected in sorted(fixtures.glob("*_dual.png")):
        made = correct_exposure(read_image(expected.with_name(expected.name.replace("dual", "input"))))
        error = ((made.astype(float) - read_image(expected).astype(float)) ** 2).mean()
        found[expected.stem] = round(float(10 * np.log10(255**2 / max(error, 1e-9))), 1)
    return found


if __name__ == "__main__":
    main()
