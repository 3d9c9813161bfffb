"""Settings of every test."""

import os
import sys
from pathlib import Path

from hypothesis import settings

# Servers that tests talk to; importlib mode leaves the path to us.
sys.path.append(str(Path(__file__).parent / "servers"))

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

# Speed is measured in benchmarks/, never asserted: a busy machine is not a fault.
# Other examples are drawn each time; `pytest --hypothesis-profile=thorough` draws many at once.
settings.register_profile("nearid", deadline=None, max_examples=60)
settings.register_profile("thorough", deadline=None, max_examples=500)
settings.load_profile("nearid")
