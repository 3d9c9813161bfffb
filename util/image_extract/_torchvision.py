"""Extractors that rest on a network of torchvision, with its pretrained weights."""

from __future__ import annotations

import contextlib
import sys
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from util.errors import ExtractorUnavailableError, WeightsMissingError
from util.image_extract._network import NetworkExtractor
from util.image_extract.base import WeightsStatus
from util.networks.trunks import TRUNKS

if TYPE_CHECKING:
    from torch import nn


class TorchvisionExtractor(NetworkExtractor):
    """A network of ``util.networks.trunks.TRUNKS``; its name there is the extractor's."""

    fusible = True

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        trunk = TRUNKS[cls.name]
        cls.smallest, cls.only, cls.classifier = trunk.smallest, trunk.only, trunk.classifier

    def build(self) -> nn.Module:
        """The trunk with random weights."""
        return TRUNKS[self.name].build()

    def load_pretrained(self) -> nn.Module:
        """The trunk with torchvision's weights, from the cache or downloaded into it.

        Raises:
            WeightsMissingError: if they cannot be downloaded; names the file and where to put it.
            ExtractorUnavailableError: if the file in the cache is damaged.
        """
        import torch
        from torchvision.models import get_weight

        from util.networks.states import DAMAGED, fit_state

        trunk, path = TRUNKS[self.name], cached_file(self.name)
        try:
            with contextlib.redirect_stdout(sys.stderr):  # torch.hub announces downloads on standard output
                state = get_weight(trunk.weights).get_state_dict(progress=True, check_hash=True, weights_only=True)
        except DAMAGED as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise ExtractorUnavailableError(
                f"the weights of {self.name} in {path} are damaged ({reason}): delete the file, it is downloaded again"
            ) from error
        except (OSError, HTTPException) as error:
            raise WeightsMissingError(
                f"the weights of {self.name} cannot be downloaded ({error}): put {trunk.url} at {path}"
            ) from error
        with torch.device("meta"):  # no time is spent on random values that are replaced at once
            network = trunk.build()
        fit_state(network, state, source=str(path), left_out=self.classifier)
        return network

    @classmethod
    def weights_status(cls) -> WeightsStatus:
        """Whether torchvision's file is in the cache."""
        path = cached_file(cls.name)
        return WeightsStatus("present", str(path)) if path.is_file() else WeightsStatus(
            "downloaded on first use", f"{TRUNKS[cls.name].url} to {path}"
        )  # fmt: skip


def cached_file(name: str) -> Path:
    """Where torch.hub keeps the pretrained weights of a network."""
    import torch.hub

    return Path(torch.hub.get_dir()) / "checkpoints" / TRUNKS[name].file
