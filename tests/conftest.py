"""Settings of every test."""

import os

from hypothesis import settings

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

# Speed is measured in benchmarks/, never asserted: a busy machine is not a fault.
settings.register_profile("nearid", deadline=None)
settings.load_profile("nearid")
