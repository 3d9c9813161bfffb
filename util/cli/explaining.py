"""Pictures of what matches and what differs between two photos."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from util.errors import ImageError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from util.rerank.local.explaining import Explanation
    from util.rerank.local.reranking import LocalReRanker
    from util.search.reranking import ReRanking, StoredPhotos
    from util.search.similar import Found

_LONGEST_PART = 40  # of a file name that says which photos it shows


def explaining_step(reranking: ReRanking | None) -> LocalReRanker:
    """The re-ranker of a chain that matches points, which is what a picture shows; the last one, if there are several.

    Raises:
        InvalidInputError: if there is none.
    """
    from util.rerank.local.reranking import LocalReRanker

    steps = reranking.reranker.steps if reranking is not None else ()
    for step in reversed(steps):
        if isinstance(step, LocalReRanker):
            return step
    raise InvalidInputError("--explain draws the points that a re-ranker matched: add --rerank sift (or saha, loftr)")


def draw_hits(
    found: Found, photos: StoredPhotos, *, step: LocalReRanker, folder: Path, first: int
) -> tuple[Mapping[str, str], ...]:
    """Draws what each query has in common with its first hits.

    Args:
        found: the results, in the order of the photos' queries.
        photos: the photos.
        step: how they are matched.
        folder: where the pictures go; made where it is missing.
        first: how many hits of each query are drawn.

    Returns:
        One mapping a query, from hit to picture; without those whose photo cannot be read.

    Raises:
        InvalidInputError: if no picture can be written there.
    """
    drawn: list[Mapping[str, str]] = []
    for number, result in enumerate(found.results):
        pictures: dict[str, str] = {}
        for rank, id_ in enumerate(result.ids[:first], start=1):
            name = f"{number + 1:03d}-{_in_file_name(result.query)}-hit{rank}-{_in_file_name(id_)}.png"
            try:
                explained = _explained(photos, number, id_, step)
            except ImageError:
                continue  # its evidence says so
            names = (short_name(result.query), short_name(id_))
            pictures[id_] = save_explanation(folder / name, explained, names=names)
        drawn.append(pictures)
    return tuple(drawn)


def save_explanation(path: Path, explanation: Explanation, *, names: tuple[str, str]) -> str:
    """Draws one picture, and says where it is.

    Raises:
        InvalidInputError: if it cannot be written.
    """
    from util.plots.matches import explanation_figure

    figure = explanation_figure(explanation, names=names)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"{path}: no picture can be written there ({error}): name a .png in a folder"
        ) from error
    return str(path)


def short_name(path: str) -> str:
    """The file with its folder, which often names the item."""
    return "/".join(Path(path).parts[-2:])


def _explained(photos: StoredPhotos, number: int, id_: str, step: LocalReRanker) -> Explanation:
    from util.rerank.local.explaining import explain

    query, hit = photos.query(number).read(), photos.hit(id_).read()
    return explain(query, hit, matcher=step.matcher, verification=step.verification)


def _in_file_name(path: str) -> str:
    """What of a path or id may stand in a name of a file anywhere.

    >>> _in_file_name("shelf/oat drink: 1 l.jpg")
    'shelf-oat-drink-1-l'
    >>> _in_file_name("/")
    'photo'
    """
    words = re.sub(r"\.[^./]*$", "", short_name(path))
    return re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")[-_LONGEST_PART:] or "photo"
