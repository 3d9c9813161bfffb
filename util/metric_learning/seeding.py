"""One source of chance for an epoch."""

from __future__ import annotations

import numpy as np

from util.errors import InvalidInputError


def random_of_epoch(seed: int, epoch: int) -> np.random.Generator:
    """A generator that depends on seed and epoch alone, so that a run can go on at the start of any epoch.

    Args:
        seed: of the run, 0 or more.
        epoch: counted from 0.

    Raises:
        InvalidInputError: if one of them is negative.
    """
    if seed < 0 or epoch < 0:
        raise InvalidInputError(f"seed and epoch must be at least 0, not {seed} and {epoch}")
    return np.random.default_rng((seed, epoch))
