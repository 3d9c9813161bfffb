"""Which trained networks of a folder can verify. Cards are read; nothing is loaded."""

from __future__ import annotations

from pathlib import Path

from util.errors import ExtractorUnavailableError, UnknownVerifierError
from util.networks.card import read_card
from util.networks.catalogue import NETWORKS


def verifier_names(models_dir: Path) -> list[str]:
    """Names of the checkpoints whose network has a pair head, sorted."""
    return sorted(path.stem for path in models_dir.glob("*.json") if _verifies(path))


def require_verifier(name: str, models_dir: Path) -> None:
    """Makes sure that a name is that of a verifier.

    Raises:
        UnknownVerifierError: if not; says what it is instead, and which verifiers there are.
    """
    names = verifier_names(models_dir)
    if name in names:
        return
    network = _network_of(models_dir / f"{name}.json")
    what = (
        f"no trained network is called {name!r}"
        if network is None
        else f"{name!r} cannot verify: its network, {network}, embeds images and compares no pairs"
    )
    able = " or ".join(sorted(key for key, kind in NETWORKS.items() if kind.verifies))
    there = (
        f"the verifiers in {models_dir} are {', '.join(names)}" if names else f"there is no verifier in {models_dir}"
    )
    raise UnknownVerifierError(f"{what}; {there}: choose one of them, or train one (nearid train {able})")


def _verifies(card: Path) -> bool:
    network = _network_of(card)
    return network is not None and network in NETWORKS and NETWORKS[network].verifies


def _network_of(card: Path) -> str | None:
    """The network a card speaks of; ``None`` where there is no card, or a broken one, which cannot be run anyway."""
    try:
        return read_card(card).network
    except ExtractorUnavailableError:
        return None
