"""Published weights of learned features: from a folder, from torch's cache, or downloaded into that."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from util.errors import ExtractorUnavailableError, WeightsMissingError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """One file of weights.

    Attributes:
        name: of the network, for messages.
        url: where it is published.
    """

    name: str
    url: str

    @property
    def file(self) -> str:
        """What the file is called."""
        return self.url.rpartition("/")[2]


def read_weights(published: PublishedWeights, network: torch.nn.Module, folder: Path | None) -> None:
    """Gives a network its published weights, and puts it into evaluation mode.

    Nothing of the file is run (``weights_only``). A dictionary with the weights under ``state_dict`` is what authors
    publish; bare weights will do too.

    Args:
        published: which file.
        network: takes the weights.
        folder: where the file lies; torch's own cache without it, into which it is downloaded if need be.

    Raises:
        WeightsMissingError: if it is not there and cannot be downloaded; names the file and where to put it.
        ExtractorUnavailableError: if it is damaged or of another network.
    """
    import torch

    from util.networks.states import DAMAGED

    path = weights_file(published, folder)
    try:
        held = torch.load(path, "cpu", weights_only=True)
        state = held.get("state_dict", held) if isinstance(held, Mapping) else {}
        unfit = network.load_state_dict(state, strict=False)
    except (*DAMAGED, OSError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ExtractorUnavailableError(
            f"{path} cannot be read as weights of {published.name}: {reason}; replace it by {published.url}"
        ) from error
    # Old files lack the counters of batch normalisation, which evaluation has no use for.
    missing = [name for name in unfit.missing_keys if not name.endswith("num_batches_tracked")]
    if missing:
        raise ExtractorUnavailableError(
            f"{path} holds no weights of {published.name}: {missing[0]} is missing; replace it by {published.url}"
        )
    network.eval()


def weights_file(published: PublishedWeights, folder: Path | None) -> Path:
    """Where a file of weights is; see ``read_weights``."""
    path = _fetched(published) if folder is None else folder / published.file
    if not path.is_file():
        raise WeightsMissingError(f"{published.name} needs its weights: put {published.url} at {path}")
    return path


def _fetched(published: PublishedWeights) -> Path:
    """Where torch keeps the file, after trying to fetch it if it is not there."""
    from http.client import HTTPException

    import torch.hub

    path = Path(torch.hub.get_dir()) / "checkpoints" / published.file
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.hub.download_url_to_file(published.url, str(path), progress=False)
    except (OSError, HTTPException) as error:
        raise WeightsMissingError(
            f"the weights of {published.name} cannot be downloaded ({error}): put {published.url} at {path}, or into a "
            "folder and name that as weights_dir"
        ) from error
    return path
