"""Weights in files: read without running any code in them, fitted strictly, and told apart by their digest."""

from __future__ import annotations

import hashlib
import pickle
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from util.errors import ExtractorUnavailableError, WeightsMissingError

State: TypeAlias = Mapping[str, torch.Tensor]
"""Parameters and buffers by name."""


DAMAGED = (
    SafetensorError,
    pickle.UnpicklingError,
    struct.error,
    EOFError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What torch and safetensors raise for bytes that are not what the file's name says: torch checks little itself."""


def read_state(path: Path) -> State:
    """Reads weights from ``.safetensors``, or from a ``.pth`` / ``.pt`` that holds tensors and nothing else.

    Raises:
        WeightsMissingError: if the file is not there.
        ExtractorUnavailableError: if it is damaged, of another kind, or holds more than tensors by name.
    """
    if not path.is_file():
        raise WeightsMissingError(f"no weights at {path}: put the file there, or name another one")
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except (*DAMAGED, OSError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ExtractorUnavailableError(f"{path} cannot be read as weights: {reason}") from error
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ExtractorUnavailableError(f"{path} is not a state dict (tensors by name): save network.state_dict()")
    return state


def write_state(path: Path, network: nn.Module) -> str:
    """Writes a network's weights as ``.safetensors``.

    Returns:
        sha256 of the file, for its card.
    """
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}, path)
    path.chmod(0o644)  # safetensors lets nobody but the owner read
    return file_sha256(path)


def file_sha256(path: Path) -> str:
    """sha256 of a file, as hexadecimal digits."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def fit_state(network: nn.Module, state: State, *, source: str, left_out: tuple[str, ...] = ()) -> None:
    """Gives a network its weights; every one must be there, of the right shape, and none too many.

    Args:
        network: may lie on the ``meta`` device; it takes over the tensors of ``state`` as they are.
        state: weights by name.
        source: where they come from, for messages.
        left_out: what the names begin with that the network rightly lacks (its classifier's).

    Raises:
        ExtractorUnavailableError: naming the first weights that are missing, unexpected or of another shape.
    """
    wanted = network.state_dict()
    given = {name: value for name, value in state.items() if name in wanted or not name.startswith(left_out)}
    # Batch norm's counters came later than the oldest published weights, and inference has no use for them.
    counters = {name: torch.tensor(0) for name in wanted if name.endswith("num_batches_tracked") and name not in given}
    problems = _differences(wanted, given | counters)
    if problems:
        shown = "; ".join(problems[:3]) + (f"; and {len(problems) - 3} more" if len(problems) > 3 else "")
        raise ExtractorUnavailableError(f"the weights in {source} are of another network: {shown}")
    network.load_state_dict({name: value.float() if value.is_floating_point() else value
                             for name, value in (given | counters).items()}, assign=True)  # fmt: skip


def _differences(wanted: State, given: State) -> list[str]:
    missing = [f"{name} is missing" for name in wanted if name not in given]
    unexpected = [f"{name} is unexpected" for name in given if name not in wanted]
    other_shape = [
        f"{name} has shape {tuple(given[name].shape)}, not {tuple(wanted[name].shape)}"
        for name in wanted
        if name in given and given[name].shape != wanted[name].shape
    ]
    return [*other_shape, *missing, *unexpected]


def state_digest(network: nn.Module) -> str:
    """sha256 over the names, types, shapes and values of all weights, in the order of their names.

    The same on every machine and in every process; batch norm's counters are left out, since they change nothing.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        if name.endswith("num_batches_tracked"):
            continue
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
