"""What suits each network where the user says nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FROM_SCRATCH: Mapping[str, Any] = {
    "loss": {"name": "cosface", "margin": 0.2, "scale": 20.0, "label_smoothing": 0.1},
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "weight_decay": 5e-4,
    "average": 0.995,
    "cutmix": 0.5,
}

_PAIRS: Mapping[str, Any] = {
    "objective": "pairs",
    "optimizer": "adamw",
    "learning_rate": 3e-4,
    "batch_size": 32,
    "average": 0.99,
}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "compact_resnet": _FROM_SCRATCH,
    "alexnet_original": {**_FROM_SCRATCH, "learning_rate": 0.02, "options": {"batch_norm": True}},
    "alphaalexnet": {**_FROM_SCRATCH, "learning_rate": 0.02, "options": {"batch_norm": True}},
    "siamese_alexnet": _PAIRS,
    "siamese_vgg16": _PAIRS,
    "siamese_cnn": {"loss": {"name": "triplet", "margin": 0.2}, "sampler": {"name": "m_per_class", "m": 4}},
    "deepranking": {"objective": "triplets", "loss": {"name": "triplet", "margin": 1.0}, "optimizer": "sgd",
                    "learning_rate": 1e-3, "batch_size": 24},
    "solar": {"objective": "hard_negatives", "loss": {"name": "second_order_similarity"}, "optimizer": "adam",
              "learning_rate": 1e-6, "weight_decay": 1e-6, "schedule": "exponential", "batch_size": 28},
}  # fmt: skip
