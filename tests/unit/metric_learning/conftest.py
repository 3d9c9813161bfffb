"""Settings of the tests of metric learning."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Threads cost more than they bring on a few numbers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
