"""2,000 damaged and lying image files: each is decoded or refused with a reason; nothing crashes, hangs or swells."""

import json
import subprocess
import sys

import pytest

MAX_PIXELS = 4_000_000
MAX_SECONDS = 300

DECODE_ALL = """
import hashlib, json, re, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
from util.errors import ImageError
from util.images import ImageLimits, read_image

threads, max_pixels = int(sys.argv[2]), int(sys.argv[3])
limits = ImageLimits(max_pixels=max_pixels)

def outcome(path):
    try:
        pixels = read_image(path, limits=limits)
    except ImageError as error:
        return {"name": path.name, "source": error.source, "error": str(error)}
    assert isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.ndim == 3
    assert pixels.shape[2] in (3, 4) and 0 < pixels.shape[0] * pixels.shape[1] <= max_pixels
    return {"name": path.name, "shape": pixels.shape, "sha256": hashlib.sha256(pixels.tobytes()).hexdigest()}

def peak():
    # Not ru_maxrss: it starts from the peak of the process that started this one.
    status = Path("/proc/self/status")
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1]) * 1024 if status.exists() else None

before = peak()
with ThreadPoolExecutor(threads) as pool:
    for result in pool.map(outcome, sorted(Path(sys.argv[1]).iterdir())):
        print(json.dumps(result), flush=True)
print(json.dumps({"grown": before and peak() - before}))
"""


def decode_all(folder, threads):
    """Outcomes by file name, and by how many bytes the peak of the process's memory grew."""
    finished = subprocess.run(
        [sys.executable, "-c", DECODE_ALL, str(folder), str(threads), str(MAX_PIXELS)],
        capture_output=True,
        text=True,
        timeout=MAX_SECONDS,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    assert finished.stderr == ""  # neither Pillow's warnings nor libtiff's complaints come through
    *lines, last = [json.loads(line) for line in finished.stdout.splitlines()]
    return {line["name"]: line for line in lines}, last["grown"]


@pytest.fixture(scope="module")
def outcomes(hostile_images):
    return decode_all(hostile_images[0].parent, threads=1)


@pytest.mark.slow
def test_every_file_is_decoded_or_refused_with_a_reason(hostile_images, outcomes):
    results, _ = outcomes
    assert sorted(results) == [path.name for path in hostile_images]
    assert len(results) == 2000
    for path in hostile_images:
        result = results[path.name]
        if "error" in result:
            assert result["source"] == str(path)
            reason = result["error"].removeprefix(f"{path}: ")
            assert reason != result["error"]
            assert reason.isprintable()
            assert 10 < len(reason) < 300, reason


@pytest.mark.slow
def test_both_outcomes_are_common(outcomes):
    """Else the mutations would be too mild or too wild to show anything."""
    results, _ = outcomes
    refused = sum("error" in result for result in results.values())
    assert 0.3 * len(results) < refused < 0.9 * len(results)


@pytest.mark.slow
def test_memory_is_bounded_by_the_pixel_limit(outcomes):
    _, grown = outcomes
    if grown is None:
        pytest.skip("the peak of a process's memory is read from /proc, which this system lacks")
    assert grown < 22 * MAX_PIXELS + 64 * 2**20  # as ImageLimits says


@pytest.mark.slow
def test_threads_come_to_the_same_outcomes(hostile_images, outcomes):
    alone, _ = outcomes
    together, _ = decode_all(hostile_images[0].parent, threads=8)
    assert together == alone


@pytest.mark.slow
def test_valid_files_lie_among_the_seeds(hostile_images, outcomes):
    """Mutations that only touch what does not matter leave images that decode: of each format, at least some."""
    results, _ = outcomes
    for suffix in ("jpg", "png", "webp", "bmp", "tiff", "gif"):
        decoded = [name for name, result in results.items() if name.endswith(suffix) and "shape" in result]
        assert decoded, suffix
