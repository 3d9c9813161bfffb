"""Workers are forked, and what they inherit must not stop them."""

import subprocess
import sys

import pytest

SCRIPT = """
import cv2
import numpy as np

from util.datasets import synthesize
from util.training.configuration import configure
from util.training.running import train

cv2.setNumThreads(2)
cv2.GaussianBlur(np.zeros((1000, 1000, 3), np.uint8), (15, 15), 0)  # now OpenCV's pool has threads
synthesize("photos", families=2, items_per_family=2, photos_per_item=3, size=64)
said = {"network": "siamese_cnn", "train": "photos", "epochs": 1, "batch_size": 8, "validation_share": 0.34}
print(train(configure(said | {"workers": 2})).epochs, cv2.getNumThreads())
"""


@pytest.mark.slow
def test_training_goes_on_where_opencv_has_threads_already(tmp_path):
    """A forked worker used to wait for ever for the threads of a pool that only its parent has."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.split() == ["1", "2"], done.stderr
