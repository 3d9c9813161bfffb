"""What a measurement has to say about where it was made."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path


def provenance(*packages: str) -> dict[str, object]:
    """Machine, versions, commit and date.

    Args:
        packages: distributions whose versions bear on the result.
    """
    return {
        "date": datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {
            "platform": platform.platform(),
            "processor": _processor(),
            "cpu_count": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        },
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in packages},
        },
    }


def _commit() -> str:
    """The commit checked out, with a plus where tracked files differ from it."""
    described = ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    here = Path(__file__).parent
    return subprocess.run(described, cwd=here, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
