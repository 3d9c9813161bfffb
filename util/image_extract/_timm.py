"""Any model of timm as an extractor, with the weights and the input that timm gives it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from util.errors import WeightsMissingError
from util.image_extract._network import PRETRAINED, NetworkExtractor
from util.networks.timm_models import timm_model
from util.networks.trunks import TIMM_PREFIX
from util.preprocess.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn

WEIGHTS_FILE = "model.safetensors"
PATIENCE_SECONDS = 10


class TimmExtractor(NetworkExtractor):
    """``timm:NAME``: what the model hands to its classifier, for images of the size it was trained with.

    Mean, standard deviation and size are those of timm's ``pretrained_cfg``. The whole picture is shown, padded to
    a square; timm's own way to evaluate, a crop from the centre, may cut the item.
    """

    def __init__(
        self,
        *,
        model: str,
        recipe: Recipe | str | None = None,
        device: str = "auto",
        weights: str | Path = PRETRAINED,
        seed: int = 0,
    ) -> None:
        """Loads a model.

        Args:
            model: as ``timm.create_model`` takes it, with or without the tag of its weights.
            recipe: preprocessing in place of the model's own size.
            device: see ``NetworkExtractor``.
            weights: see ``NetworkExtractor``.
            seed: of random weights.

        Raises:
            UnknownExtractorError: if timm has no such model; names the closest.
            WeightsMissingError: if the weights cannot be had.
        """
        self.name, self._model = f"{TIMM_PREFIX}{model}", timm_model(model)
        self.mean, self.std = self._model.mean, self._model.std
        self.smallest, self.only, self.classifier = self._model.smallest, self._model.only, self._model.classifier
        height, width = self._model.size
        self.default_recipe = f"square, resize={width}" if width == height else f"resize={width}x{height}"
        super().__init__(recipe=recipe, device=device, weights=weights, seed=seed)

    def build(self) -> nn.Module:
        """The model with random weights."""
        network, self.dimension = self._model.build(pretrained=False)
        return network

    def load_pretrained(self) -> nn.Module:
        """The model with timm's weights, from the cache or downloaded into it.

        Raises:
            WeightsMissingError: if they cannot be downloaded, or timm has none; says what to put where.
        """
        if not self._model.has_weights:
            raise WeightsMissingError(
                f"timm has no pretrained weights for {self._model.name!r}: timm.list_models(pretrained=True) names the "
                "models it has some for; or give your own as weights=PATH"
            )
        self._require_reachable()
        try:
            network, self.dimension = self._model.build(pretrained=True)
        except OSError as error:
            raise self._not_downloadable(error) from error
        return network

    def _require_reachable(self) -> None:
        """Asks the server once where nothing is cached: the download itself tries for a minute before it gives up."""
        import requests
        from huggingface_hub import hf_hub_url, try_to_load_from_cache

        repository = self._model.repository
        if repository is None or isinstance(try_to_load_from_cache(repository, WEIGHTS_FILE), str):
            return
        try:
            requests.head(hf_hub_url(repository, WEIGHTS_FILE), timeout=PATIENCE_SECONDS)
        except requests.RequestException as error:
            raise self._not_downloadable(error) from error

    def _not_downloadable(self, error: Exception) -> WeightsMissingError:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.constants import HF_HUB_CACHE

        repository = self._model.repository
        if repository is None:
            return WeightsMissingError(f"the weights of {self.name} cannot be downloaded: {error}")
        folder = Path(HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
        return WeightsMissingError(
            f"the weights of {self.name} cannot be downloaded ({type(error).__name__}): fetch "
            f"{hf_hub_url(repository, WEIGHTS_FILE)} elsewhere and give its path as weights=PATH, or copy the folder "
            f"{folder} from a machine that has it"
        )
