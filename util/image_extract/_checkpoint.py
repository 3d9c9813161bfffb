"""Extractors trained here: weights and card in the folder of models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from util.errors import ExtractorUnavailableError
from util.image_extract._network import PRETRAINED, NetworkExtractor
from util.networks.card import ModelCard, read_card
from util.networks.catalogue import NETWORKS, input_limits
from util.networks.trunks import TIMM_PREFIX
from util.preprocess.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn


class CheckpointExtractor(NetworkExtractor):
    """``NAME.safetensors`` run as its card ``NAME.json`` says; ``util.networks.card.ModelCard`` explains the card."""

    def __init__(
        self,
        *,
        name: str,
        models_dir: Path,
        recipe: Recipe | str | None = None,
        device: str = "auto",
        weights: str | Path = PRETRAINED,
        seed: int = 0,
    ) -> None:
        """Loads the network of a card.

        Args:
            name: what the two files are called, without their endings.
            models_dir: folder they are in.
            recipe: preprocessing in place of the card's.
            device: see ``NetworkExtractor``.
            weights: ``pretrained`` are those beside the card.
            seed: of random weights.

        Raises:
            WeightsMissingError: if the weights are not there.
            ExtractorUnavailableError: if there is no card, or the two do not belong together.
        """
        self.path = models_dir / f"{name}.safetensors"
        self.card = read_card(self.path.with_suffix(".json"))
        self.name, self.dimension, self.default_recipe = name, self.card.dimension, self.card.recipe
        self.architecture = _architecture(self.card)
        self.mean, self.std = self.card.mean, self.card.std
        accepted = input_limits(self.card.network)
        self.smallest, self.only, self.classifier = accepted.smallest, accepted.only, accepted.classifier
        self.fusible = self.card.network not in NETWORKS and not self.card.network.startswith(TIMM_PREFIX)
        if self.card.duplicate_score is not None:
            self.duplicate_score = self.card.duplicate_score
        super().__init__(recipe=recipe, device=device, weights=weights, seed=seed)

    def build(self) -> nn.Module:
        """The card's network with random weights."""
        from util.networks.embedder import build_from_card

        return build_from_card(self.card)

    def load_pretrained(self) -> nn.Module:
        """The card's network with the weights beside the card."""
        from util.networks.states import file_sha256, fit_state, read_state

        state = read_state(self.path)
        if self.card.sha256 not in (None, file_sha256(self.path)):
            raise ExtractorUnavailableError(
                f"{self.path} is not the file its card speaks of (another sha256): copy both files again"
            )
        network = self.build()
        trunk = getattr(network, "trunk", None)
        if self.card.head == "none" and trunk is not None and not any(name.startswith("trunk.") for name in state):
            fit_state(trunk, state, source=str(self.path), left_out=self.classifier)  # a bare network's file
        else:
            fit_state(network, state, source=str(self.path))
        return network


def _architecture(card: ModelCard) -> str:
    """What tells networks of equal weights apart; as it always was for cards without options."""
    options = f", options {json.dumps(card.options, sort_keys=True)}" if card.options else ""
    return f"{card.network}, head {card.head}{options}"
