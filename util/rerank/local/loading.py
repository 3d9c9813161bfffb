"""Matchers by name."""

from __future__ import annotations

from pathlib import Path

from util.errors import InvalidInputError
from util.rerank.local.matcher import Matcher

MATCHERS = ("sift", "saha", "loftr")


def load_matcher(name: str = "sift", *, weights_dir: Path | None = None) -> Matcher:
    """A matcher with its usual options.

    Args:
        name: one of ``MATCHERS``.
        weights_dir: folder with the weights that ``saha`` and ``loftr`` need; torch's own cache without it.

    Raises:
        InvalidInputError: if there is none of this name.
    """
    if name == "sift":
        from util.rerank.local.sift import SiftMatcher

        return SiftMatcher()
    if name == "saha":
        from util.rerank.local.saha import SahaMatcher

        return SahaMatcher(weights_dir=weights_dir)
    if name == "loftr":
        from util.rerank.local.loftr import LoftrMatcher

        return LoftrMatcher(weights_dir=weights_dir)
    raise InvalidInputError(f"no matcher is called {name!r}: there are {', '.join(MATCHERS)}")
