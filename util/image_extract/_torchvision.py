"""Extractors that rest on a network of torchvision, with its pretrained weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
        from util.networks.pretrained import pretrained_trunk

        return pretrained_trunk(self.name)

    @classmethod
    def weights_status(cls) -> WeightsStatus:
        """Whether torchvision's file is in the cache."""
        from util.networks.pretrained import cached_file

        path = cached_file(cls.name)
        return WeightsStatus("present", str(path)) if path.is_file() else WeightsStatus(
            "downloaded on first use", f"{TRUNKS[cls.name].url} to {path}"
        )  # fmt: skip
