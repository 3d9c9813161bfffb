"""Verifiers: do two images show the same item?

A search compares embeddings that were made without knowledge of one another; a verifier looks at two images as a
pair. It is slower, so ``util.search.identifying.identify`` asks it about the few likeliest items only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from util.verification.base import Verifier

MODELS_DIR = Path("models")

__all__ = ["available_verifiers", "load_verifier"]


def available_verifiers(models_dir: Path = MODELS_DIR) -> list[str]:
    """Names of the trained networks in a folder that can verify; their cards are read, no weights.

    Args:
        models_dir: folder of trained weights and their cards; it need not be there.
    """
    from util.verification.catalogue import verifier_names

    return verifier_names(models_dir)


def load_verifier(
    name: str, *, models_dir: Path = MODELS_DIR, device: str = "auto", threshold: float | None = None
) -> Verifier:
    """Loads a verifier.

    Args:
        name: one of ``available_verifiers()``.
        models_dir: folder of trained weights and their cards.
        device: where the network runs: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        threshold: probability from which two images count as the same item, in [0, 1]; ``None`` for the verifier's own.

    Raises:
        UnknownVerifierError: if there is none of this name, or what has it cannot verify; lists those there are.
        WeightsMissingError: if the weights are not beside the card.
        ExtractorUnavailableError: if the card or the weights cannot be used.
        InvalidInputError: if the threshold is out of range, or the device is not there.
    """
    from util.verification.catalogue import require_verifier
    from util.verification.siamese import SiameseVerifier

    require_verifier(name, models_dir)
    return SiameseVerifier(name=name, models_dir=models_dir, device=device, threshold=threshold)
