"""What the tests of networks share."""

import pytest
import torch


@pytest.fixture(autouse=True)
def own_generator():
    """Every test draws the same random numbers, whichever run before it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
