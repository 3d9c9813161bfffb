"""A small data set of look-alikes, and settings that train on it in a second."""

import os

import pytest

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")


@pytest.fixture(scope="session")
def look_alikes(tmp_path_factory):
    """Two families of three items, six photos of 64 pixels each."""
    from util.datasets import synthesize

    directory = tmp_path_factory.mktemp("look_alikes")
    synthesize(directory, families=2, items_per_family=3, photos_per_item=6, size=64, severity=0.2, seed=5)
    return directory


@pytest.fixture
def settings(look_alikes):
    """Settings of a run that takes about a second."""
    return {
        "network": "compact_resnet",
        "name": "small",
        "options": {"widths": [8, 8, 16, 16], "depths": [1, 1, 1, 1]},
        "dimension": 16,
        "train": str(look_alikes),
        "recipe": "square, resize=32",
        "augmentation": "light",
        "batch_size": 12,
        "epochs": 3,
        "learning_rate": 0.02,
        "precision": "32",
        "workers": 0,
    }
