"""Ask a verifier about the likeliest items, and decide with what it says.

The score of a search is made from embeddings that know nothing of one another; its threshold is calibrated so that
few unknown items are taken for known ones. A verifier looks at two photos as a pair, but nobody has calibrated it on
this gallery. So the score keeps the last word on what may be ``known``, and the verifier chooses and refuses:

* It is asked about the best few items, as far as the score alone does not call them ``new``. If it calls the best
  one ``new``, nothing is left to ask.
* Of the items it accepts, those whose score is ``known`` go before those whose score leaves it ``unsure``, and among
  these the most probable goes first. The answer is that item, and the decision what the item's own score says.
* It accepts none: a score that said ``known`` is contradicted, which leaves it ``unsure``; a score that was
  ``unsure`` is settled, the item is ``new``, provided that the verifier was asked about every item in the band.
* An item whose photo cannot be read is neither accepted nor rejected. It can be ``unsure`` at best, and where it
  scores higher than the item accepted, that one is ``unsure`` too.

Hence an answer is ``known`` only if score and verifier both say so: whatever the verifier is worth, no photo is
``known`` whose score stays below the threshold, and the false-accept rate of the calibration still holds. Its other
promise, that few known items are called ``new``, then rests on the verifier: one that rejects everything turns every
``unsure`` into ``new``. Measure it on pairs of your own (``util.evaluation.pair_verification``) before you trust it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from util.errors import ImageError
from util.images import read_image
from util.records import DecisionKind, Hit, Verification
from util.search.calibrating import item_of
from util.search.extraction import Extraction, ImageSource, caught
from util.verification.base import Verifier

Verify: TypeAlias = Callable[[Sequence[Hit]], Sequence[Verification]]
"""From the best hits of the likeliest items, one an item, to what a verifier says of each."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item that an unknown photo may show: its best hit, its score, and what the score alone says of it."""

    hit: Hit
    score: float
    decision: DecisionKind

    @property
    def item(self) -> str:
        """The item's label, or the image's id where it has none."""
        return item_of(self.hit.id, self.hit.metadata)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which candidate it is to be, what is decided, and why; one clause for a person."""

    candidate: Candidate
    decision: DecisionKind
    because: str


def choose(candidates: Sequence[Candidate], said: Sequence[Verification], *, all_asked: bool) -> Choice:
    """The answer by score and verifier together; the rule stands at the top of this module.

    Args:
        candidates: at least one, by falling score, none whose score says ``new``.
        said: what the verifier says of each.
        all_asked: whether no other item has a score that leaves it open.
    """
    pairs = list(zip(candidates, said, strict=True))
    accepted = [pair for pair in pairs if pair[1].accepted]
    if accepted:
        return _accepted(accepted, unverified=[c for c, verdict in pairs if verdict.probability is None])
    for candidate, verdict in pairs:
        if verdict.probability is None:
            return Choice(candidate, "unsure", f"it could not be verified: {verdict.problem}")
    best, verdict = pairs[0]
    because = f"the verifier rejects it with probability {verdict.probability:.3f} of being the same"
    if len(pairs) > 1:
        because += f", and the {len(pairs) - 1} next as well"
    return Choice(best, "new" if best.decision == "unsure" and all_asked else "unsure", because)


def _accepted(accepted: Sequence[tuple[Candidate, Verification]], *, unverified: Sequence[Candidate]) -> Choice:
    def rank(pair: tuple[Candidate, Verification]) -> tuple[bool, float, float]:
        candidate, verdict = pair
        return candidate.decision != "known", -(verdict.probability or 0.0), -candidate.score

    first, *others = sorted(accepted, key=rank)
    candidate, verdict = first
    because = f"the verifier takes both for the same with probability {verdict.probability:.3f}"
    rivals = [rival.item for rival in unverified if rival.score > candidate.score]
    if rivals:
        return Choice(candidate, "unsure", f"{because}, but {rivals[0]!r} scores higher and could not be verified")
    if others and rank(others[0]) == rank(first):
        return Choice(candidate, "unsure", f"{because}, and {others[0][0].item!r} likewise")
    return Choice(candidate, candidate.decision, because)


def verify_hits(
    hits: Sequence[Hit], *, photos: Sequence[ImageSource], verifier: Verifier, extraction: Extraction
) -> tuple[Verification, ...]:
    """Shows the photos of the hits to a verifier, each beside all photos of the unknown item.

    Args:
        hits: the best hit of each item.
        photos: of the unknown item, at least one. A hit's probability is the mean over them.
        verifier: compares them.
        extraction: says how images are read.

    Returns:
        One verdict a hit; a hit whose file is gone, has changed since it was indexed or cannot be read has a problem
        instead of a probability.
    """
    asked = [caught(lambda photo=photo: _read_photo(photo, extraction)) for photo in photos]  # type: ignore[misc]
    queries = [image for image in asked if not isinstance(image, ImageError)]
    images = [caught(lambda hit=hit: _read_hit(hit, extraction)) for hit in hits]  # type: ignore[misc]
    compared = [image for image in images if not isinstance(image, ImageError)]
    if not queries:
        return tuple(_unverified(hit, "the photo asked with could not be read again") for hit in hits)
    probabilities = iter(verifier.probabilities(queries, compared).mean(axis=0, dtype=np.float64).tolist())
    return tuple(
        _unverified(hit, str(image))
        if isinstance(image, ImageError)
        else _verified(hit, next(probabilities), verifier.threshold)
        for hit, image in zip(hits, images, strict=True)
    )


def _read_photo(photo: ImageSource, extraction: Extraction) -> NDArray[np.uint8]:
    return read_image(photo, limits=extraction.limits, allow_urls=extraction.allow_urls)


def _read_hit(hit: Hit, extraction: Extraction) -> NDArray[np.uint8]:
    path = hit.metadata.get("path")
    if not isinstance(path, str):
        raise ImageError(hit.id, "the space does not say where its file is")
    content = extraction.read(path)
    if hit.metadata.get("sha256", content.sha256) != content.sha256:
        raise ImageError(path, "has changed since it was indexed: index it again")
    return read_image(content.data, limits=extraction.limits, name=path)


def _verified(hit: Hit, probability: float, threshold: float) -> Verification:
    return Verification(item_of(hit.id, hit.metadata), hit.id, probability, accepted=probability >= threshold)


def _unverified(hit: Hit, problem: str) -> Verification:
    return Verification(item_of(hit.id, hit.metadata), hit.id, None, accepted=False, problem=problem)
