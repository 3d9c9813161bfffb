"""Extractors that rest on a network: one way from pixels to embeddings for all of them.

Nothing here imports torch before an extractor is made, so that what an extractor is can be read without it.
"""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from util.errors import ExtractorUnavailableError, InvalidInputError
from util.image_extract.base import Extractor
from util.networks.imagenet import IMAGENET_MEAN, IMAGENET_STD
from util.preprocess.recipe import Recipe
from util.records import Embeddings, unit_rows

if TYPE_CHECKING:
    import torch
    from torch import nn

PRETRAINED = "pretrained"
RANDOM = "random"

PIXELS_A_PASS = {"cpu": 32 * 224 * 224, "cuda": 256 * 224 * 224, "mps": 64 * 224 * 224}
"""Most pixels a network sees at once, by kind of device: what bounds its memory, however many images are given."""


class NetworkExtractor(Extractor):
    """An extractor that runs a network: a subclass says how the network is made and where its weights come from.

    Images go to the device as uint8 and are normalised there: red, green and blue each as
    ``(pixel / 255 - mean) / std``. Images of different sizes may come in one batch; those of one size go through
    together, at most ``PIXELS_A_PASS`` at a time. On a CUDA device the network computes in bfloat16 (float16 where
    the device has none), elsewhere in float32.

    Attributes:
        mean: of red, green and blue (or of all nine channels), on the scale from 0 to 1.
        std: likewise.
        smallest: least height and width that the network can take.
        only: the one size (height, width) it can take, where that is so.
        fusible: whether batch norms can be folded into the convolutions before them: the same numbers, sooner.
        classifier: what the names of weights begin with that a file may hold and the network has no use for.
        architecture: told apart in the fingerprint where one name can stand for several.
        device: where the network is.
    """

    default_recipe = "square, resize=224"
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    smallest: int = 1
    only: tuple[int, int] | None = None
    fusible: bool = False
    classifier: tuple[str, ...] = ()
    architecture: str = ""

    def __init__(
        self,
        *,
        recipe: Recipe | str | None = None,
        device: str = "auto",
        weights: str | Path = PRETRAINED,
        seed: int = 0,
    ) -> None:
        """Loads the network.

        Args:
            recipe: preprocessing in place of ``default_recipe``.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
            weights: ``pretrained``; a path to a ``.safetensors`` or ``.pth`` file; or ``random``, for measuring
                speed and for tests only, since such embeddings tell items apart badly.
            seed: of random weights.

        Raises:
            InvalidInputError: if the device is not there, or the recipe's size or channels do not suit the network.
            WeightsMissingError: if the weights are neither here nor downloadable.
            ExtractorUnavailableError: if they are of another network.
        """
        from util.image_extract._device import resolve_device
        from util.networks.states import state_digest

        super().__init__(recipe=recipe)
        self._require_channels()
        if self.recipe.output_size is not None:
            self._require_size(*self.recipe.output_size)
        self.device = resolve_device(device)
        network = self._load(weights, seed).eval().requires_grad_(False)
        self._state_digest = state_digest(network)
        self._network = _laid_out(_fused(network) if self.fusible else network, self.device)

    @abstractmethod
    def build(self) -> nn.Module:
        """The network with random weights: float (N, 3, H, W), normalised RGB, to (N, dimension)."""

    @abstractmethod
    def load_pretrained(self) -> nn.Module:
        """The network with the weights that belong to it."""

    @property
    def network(self) -> nn.Module:
        """The network as it runs: in evaluation mode, on its device; for those who need more of it than embeddings."""
        return self._network

    @property
    def weights_digest(self) -> str:
        """sha256 of the network's architecture, its weights, and the numbers its input is normalised by."""
        parts = json.dumps([self.architecture, self._state_digest, self.mean, self.std])
        return hashlib.sha256(parts.encode()).hexdigest()

    def embed(self, prepared: Sequence[NDArray[np.uint8]]) -> Embeddings:
        """Runs the network; see ``Extractor.embed``.

        Raises:
            InvalidInputError: if an image is smaller than the network can take.
        """
        vectors = np.empty((len(prepared), self.dimension), dtype=np.float32)
        by_size: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for position, image in enumerate(prepared):
            by_size[image.shape].append(position)
        for (height, width, *_), positions in by_size.items():
            self._require_size(height, width)
            for start in range(0, len(positions), step := self._images_a_pass(height, width)):
                part = positions[start : start + step]
                vectors[part] = self._forward(np.stack([prepared[position] for position in part]))
        return unit_rows(vectors)

    def _forward(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """One pass: uint8 (N, H, W, C) to float32 (N, dimension)."""
        import torch

        half = torch.bfloat16 if self.device.type != "cuda" or torch.cuda.is_bf16_supported() else torch.float16
        with torch.inference_mode(), torch.autocast(self.device.type, half, enabled=self.device.type == "cuda"):
            output: torch.Tensor = self._network(self._normalised(images))
        if output.shape != (len(images), self.dimension):
            raise ExtractorUnavailableError(
                f"the network of {self.name} returns {tuple(output.shape)} for {len(images)} images, "
                f"not ({len(images)}, {self.dimension}): correct its dimension or end it in a pooling layer"
            )
        return output.float().cpu().numpy()

    def _normalised(self, images: NDArray[np.uint8]) -> torch.Tensor:
        """uint8 (N, H, W, C) to float (N, C, H, W) on the device; in memory the channels stay last."""
        import torch

        from util.networks.normalisation import normalised

        return normalised(torch.from_numpy(images).to(self.device), self.mean, self.std)

    def _load(self, weights: str | Path, seed: int) -> nn.Module:
        import torch

        from util.networks.states import fit_state, read_state

        if weights == PRETRAINED:
            return self.load_pretrained()
        if weights == RANDOM:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                return self.build()
        network = self.build()
        fit_state(network, read_state(Path(weights)), source=str(weights), left_out=self.classifier)
        return network

    def _images_a_pass(self, height: int, width: int) -> int:
        return max(1, PIXELS_A_PASS[self.device.type] // (height * width))

    def _require_channels(self) -> None:
        if self.recipe.channels != len(self.mean):
            mend = "end it in channels=exposure" if len(self.mean) == 9 else "leave its last step out"
            raise InvalidInputError(
                f"{self.name} takes images of {len(self.mean)} channels, the recipe ({self.recipe or 'none'}) makes "
                f"{self.recipe.channels}: {mend}"
            )

    def _require_size(self, height: int, width: int) -> None:
        if self.only is not None and (height, width) != self.only:
            raise InvalidInputError(
                f"{self.name} takes images of {self.only[1]}×{self.only[0]} pixels only, not {width}×{height}: "
                f"let its recipe ({self.recipe or 'none'}) end in resize={self.only[1]}x{self.only[0]}"
            )
        if min(height, width) < self.smallest:
            raise InvalidInputError(
                f"{self.name} takes images from {self.smallest}×{self.smallest} pixels, not {width}×{height}: "
                f"let its recipe ({self.recipe or 'none'}) end in a larger size"
            )


def _fused(network: nn.Module) -> nn.Module:
    """The network with its batch norms folded into its convolutions."""
    from torch.fx.experimental.optimization import fuse

    return fuse(network, inplace=True)


def _laid_out(network: nn.Module, device: torch.device) -> nn.Module:
    """The network where it will run, its weights laid out for images whose channels come last."""
    import torch

    return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
