"""Which re-rankers a request may ask for, and how much work they may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from util.errors import InvalidInputError
from util.image_extract.base import Extractor
from util.rerank import available_rerankers, build_reranker
from util.rerank.base import ReRanker
from vearch_plugin.errors import InvalidFieldsError
from vearch_plugin.schemas.answers import PRIVATE_FIELDS

_MOST_STEPS = 4
_MOST_TIMES_DEFAULT = 2  # learning grows with the product of two options: four times the work of the defaults


@dataclass(frozen=True, kw_only=True)
class ReRankRequests:
    """Makes the re-rankers that requests name.

    Attributes:
        allowed: names of those that may be asked for.
        most_photos: hits whose photos one request may have looked at, over all its queries.
        cache_dir: where what they learn outlasts the service; in memory only without it.
        cache_bytes: most that is kept there.
        load_extractor: finds the extractors that re-rankers ask for by name.

    Raises:
        InvalidInputError: if there is no re-ranker of an allowed name.
    """

    allowed: tuple[str, ...]
    most_photos: int
    cache_dir: Path | None
    cache_bytes: int
    load_extractor: Callable[[str], Extractor]

    def __post_init__(self) -> None:
        there = available_rerankers()
        if unknown := sorted(set(self.allowed) - set(there)):
            raise InvalidInputError(
                f"NEARID_SERVICE_RERANK allows {', '.join(unknown)}, but there are {', '.join(there)}"
            )

    def made(self, text: str, *, queries: int) -> ReRanker:
        """The re-ranker, or chain of them, of a request.

        Args:
            text: as ``--rerank`` takes it.
            queries: how many images are asked with.

        Raises:
            InvalidInputError: if the text cannot be read.
            InvalidFieldsError: if it asks for what is not allowed, or for too much.
        """
        # Names come first: what is not allowed is not even imported.
        for name in _names(text):
            if name not in self.allowed:
                listed = ", ".join(self.allowed) or "none"
                raise InvalidFieldsError(f"the re-ranker {name!r} may not be asked for here; allowed are: {listed}")
        reranker = build_reranker(
            text, cache_dir=self.cache_dir, cache_bytes=self.cache_bytes, load_extractor=self.load_extractor
        )
        if len(reranker.steps) > _MOST_STEPS:
            raise InvalidFieldsError(f"a chain has at most {_MOST_STEPS} re-rankers here, not {len(reranker.steps)}")
        for step in reranker.steps:
            _check_options(step)
            _check_fields(step)
        self._check_photos(reranker, queries)
        return reranker

    def _check_photos(self, reranker: ReRanker, queries: int) -> None:
        photos = queries * sum(step.depth for step in reranker.steps if step.needs_pictures)
        if photos > self.most_photos:
            raise InvalidFieldsError(
                f"{reranker.describe()} would look at {photos} photos for {queries} queries, and a request may have "
                f"{self.most_photos} looked at: send fewer images, or a smaller top"
            )


def _names(text: str) -> Iterator[str]:
    from util.rerank._writing import split_steps

    return (name for name, _ in split_steps(text))


def _check_options(step: ReRanker) -> None:
    """Refuses whole numbers far above the default, where they make learning or looking more work."""
    if not (step.needs_gallery or step.needs_pictures):
        return
    usual = type(step)().options()
    for name, value in step.options().items():
        most = usual[name] * _MOST_TIMES_DEFAULT if type(usual[name]) is int else None
        if most is not None and value > most:
            raise InvalidFieldsError(f"{step.name} takes {name} up to {most} here, not {value}")


def _check_fields(step: ReRanker) -> None:
    """Refuses to read what is not told: a re-ranker's evidence repeats the values that it read."""
    if private := sorted(step.metadata_fields & PRIVATE_FIELDS):
        raise InvalidFieldsError(f"{step.name} may not read the metadata field {', '.join(private)} here")
