"""Where a network runs."""

from __future__ import annotations

import torch

from util.errors import InvalidInputError


def resolve_device(name: str) -> torch.device:
    """The device of a name; ``auto`` is the first of a CUDA device, Apple's ``mps`` and the ``cpu`` that is there.

    Args:
        name: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        InvalidInputError: if there is no such device here; says which there are.
    """
    present = _present()
    if name == "auto":
        return torch.device(present[0])
    if name not in present and not (name == "cuda" and "cuda:0" in present):
        raise InvalidInputError(f"no device {name!r} here: take auto or one of {', '.join(present)}")
    return torch.device(name)


def _present() -> list[str]:
    """Names of all devices, the one to prefer first."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return [*cuda, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]
