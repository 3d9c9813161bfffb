"""torchvision's pretrained weights: from the cache, or downloaded into it."""

from __future__ import annotations

import contextlib
import sys
from http.client import HTTPException
from pathlib import Path

import torch
import torch.hub
from torch import nn

from util.errors import ExtractorUnavailableError, WeightsMissingError
from util.networks.states import DAMAGED, State, fit_state
from util.networks.trunks import TRUNKS


def cached_file(name: str) -> Path:
    """Where torch.hub keeps the pretrained weights of a network of ``TRUNKS``."""
    return Path(torch.hub.get_dir()) / "checkpoints" / TRUNKS[name].file


def pretrained_state(name: str) -> State:
    """The pretrained weights of a network of ``TRUNKS``, its classifier's among them.

    Raises:
        WeightsMissingError: if they cannot be downloaded; names the file and where to put it.
        ExtractorUnavailableError: if the file in the cache is damaged.
    """
    from torchvision.models import get_weight

    trunk, path = TRUNKS[name], cached_file(name)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # torch.hub announces downloads on standard output
            state: State = get_weight(trunk.weights).get_state_dict(progress=True, check_hash=True, weights_only=True)
    except DAMAGED as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ExtractorUnavailableError(
            f"the weights of {name} in {path} are damaged ({reason}): delete the file, it is downloaded again"
        ) from error
    except (OSError, HTTPException) as error:
        raise WeightsMissingError(
            f"the weights of {name} cannot be downloaded ({error}): put {trunk.url} at {path}"
        ) from error
    return state


def pretrained_trunk(name: str) -> nn.Module:
    """A trunk of ``TRUNKS`` with its pretrained weights; see ``pretrained_state`` for what it raises."""
    with torch.device("meta"):  # no time is spent on random values that are replaced at once
        network = TRUNKS[name].build()
    fit_state(network, pretrained_state(name), source=str(cached_file(name)), left_out=TRUNKS[name].classifier)
    return network
