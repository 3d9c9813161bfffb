"""The 2,000 damaged files through the real command: each is indexed or listed as failed with its reason."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PIXELS = 4_000_000
PEAK_MIB = 2000
SECONDS = 600

# The command itself, which then says how much memory it took at most (VmHWM is that of this process alone).
INDEX = """
import re, sys
from pathlib import Path
from util.cli import main
try:
    main()
finally:
    status = Path("/proc/self/status")
    if status.exists():
        print("peak", re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1], file=sys.stderr)
"""


@pytest.mark.slow
def test_index_two_thousand_damaged_files(hostile_images, tmp_path):
    folder = hostile_images[0].parent
    done = subprocess.run(
        [sys.executable, "-c", INDEX, "index", str(folder), "--store", f"embedded:{tmp_path / 's.db'}", "--json"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={"PATH": "/usr/bin", "NEARID_MAX_IMAGE_PIXELS": str(PIXELS), "NO_ALBUMENTATIONS_UPDATE": "1"},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 3, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    report = json.loads(done.stdout)
    failed = {Path(failure["path"]).name: failure["error"] for failure in report["failed"]}
    assert report["indexed"] + len(failed) == 2000
    assert report["indexed"] > 200 < len(failed)
    assert all(10 < len(reason) < 300 and reason.isprintable() for reason in failed.values())
    peak = [line.split()[1] for line in done.stderr.splitlines() if line.startswith("peak")]
    if peak:
        assert int(peak[0]) / 1024 < PEAK_MIB

    # Everything that was not listed as failed is really there, and a second run finds nothing left to do.
    again = subprocess.run(
        [
            Path(sys.executable).with_name("nearid"),
            "index",
            folder,
            "--store",
            f"embedded:{tmp_path / 's.db'}",
            "--json",
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={"PATH": "/usr/bin", "NEARID_MAX_IMAGE_PIXELS": str(PIXELS), "NO_ALBUMENTATIONS_UPDATE": "1"},
        cwd=tmp_path,
        check=False,
    )
    second = json.loads(again.stdout)
    assert (second["indexed"], second["skipped"], len(second["failed"])) == (0, report["indexed"], len(failed))
