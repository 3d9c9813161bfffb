"""Reading photos through ``read_image`` against its limit: plain Pillow on the same files, in one run.

    python benchmarks/image_decoding.py [--images FOLDER] [--out FILE.json]

Plain Pillow is ``np.array(Image.open(path).convert("RGB"))``: no limits, no orientation, no alpha, no plain errors.
Rounds of the two alternate, so that a machine that slows down slows both. The largest progressive JPEG within the
default pixel limit is decoded once in a process of its own, for its peak memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from _provenance import provenance
from PIL import Image

from util.images import DEFAULT_LIMITS, is_image_path, read_image

RESULTS = Path(__file__).parent / "results"
GROCERY = Path("../shared/data/grocery/train")
SAMPLE = 500
ROUNDS = 9

PEAK = """
import re, sys
from pathlib import Path
from util.images import read_image
# Not ru_maxrss: it starts from the peak of the process that started this one.
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
before = peak()
read_image(sys.argv[1])
print(peak() - before)
"""


def main() -> None:
    """Measures and writes the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=GROCERY, help="folder of photos")
    parser.add_argument("--out", type=Path, default=RESULTS / "image_decoding.json")
    arguments = parser.parse_args()

    paths = sorted(path for path in arguments.images.rglob("*") if is_image_path(path))[:SAMPLE]
    if not paths:
        raise SystemExit(f"no images below {arguments.images}: name a folder of photos")
    for reader in (read_plainly, read_image):  # warm-up, of the file cache too
        milliseconds(reader, paths)
    rounds = [(milliseconds(read_plainly, paths), milliseconds(read_image, paths)) for _ in range(ROUNDS)]
    plain, ours = np.array(rounds).T
    result = {
        "images": len(paths),
        "mean_bytes": round(float(np.mean([path.stat().st_size for path in paths]))),
        "pillow_ms": spread(plain),
        "read_image_ms": spread(ours),
        "ratio": spread(ours / plain),
        "peak_bytes_per_pixel_of_the_largest_jpeg": round(peak_bytes_per_pixel(), 1),
        "provenance": provenance("pillow", "numpy"),
    }
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


def read_plainly(path: Path) -> np.ndarray:
    """What one would write without ``util.images``."""
    return np.array(Image.open(path).convert("RGB"))


def milliseconds(reader: Callable[[Path], np.ndarray], paths: Sequence[Path]) -> float:
    """Mean time an image, in one round over all."""
    started = time.perf_counter()
    for path in paths:
        reader(path)
    return (time.perf_counter() - started) / len(paths) * 1e3


def spread(values: np.ndarray) -> dict[str, float]:
    """Median and interquartile range over the rounds."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {"median": round(float(middle), 3), "iqr": round(float(high - low), 3)}


def peak_bytes_per_pixel() -> float:
    """Peak memory of decoding the dearest kind of JPEG (progressive, without subsampling, turned by EXIF)."""
    side = int(DEFAULT_LIMITS.max_pixels**0.5)
    exif = Image.Exif()
    exif[0x0112] = 6
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "largest.jpg"
        Image.new("RGB", (side, side), (90, 120, 200)).save(path, progressive=True, subsampling=0, exif=exif)
        command = [sys.executable, "-c", PEAK, str(path)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / side**2


if __name__ == "__main__":
    main()
