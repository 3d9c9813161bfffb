"""What stands on the report's page: the evaluation, put into words, pictures and rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from util.evaluation.confusion import Confusion, ConfusionMatrix
from util.evaluation.intervals import Interval
from util.evaluation.outcomes import Outcome
from util.evaluation.report import Evaluation
from util.plots.thumbnails import Thumbnail, Thumbnails
from util.plots.wording import between, percent

_LARGE, _SMALL = 260, 150
_CONFUSIONS, _PICTURED, _LISTED, _ITEMS = 8, 48, 300, 300


@dataclass(frozen=True, slots=True)
class Headline:
    """One of the big numbers.

    Attributes:
        name: of the measure.
        value: as text.
        meaning: in a few words.
        interval: its 95 % interval as text; empty where there is none.
        ends: the interval in percent of the axis, for the little bar; ``None`` where there is none.
        at: the value in percent of the axis.
    """

    name: str
    value: str
    meaning: str
    interval: str = ""
    ends: Interval | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A thumbnail with what it is.

    Attributes:
        role: what it is to the reader, such as “found”.
        item: what it shows.
        note: score, place or whatever else.
        tone: ``right``, ``wrong`` or empty.
        name: id of the image.
        thumbnail: the picture or why there is none.
    """

    role: str
    item: str
    note: str
    tone: str
    name: str
    thumbnail: Thumbnail


@dataclass(frozen=True, slots=True)
class Case:
    """One query with its answer, side by side with what would have been right.

    Attributes:
        shown: what the query shows.
        verb: “taken for”, “called” or “left”.
        answer: the answer.
        note: how often it happened, or the query's id.
        pictures: query, what was found, what would have been right.
    """

    shown: str
    verb: str
    answer: str
    note: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class ItemRow:
    """How one item fared: queries, right first hits, and the item it is most often taken for."""

    item: str
    queries: int
    right: int
    share: str
    mistaken_for: str


def headlines(evaluation: Evaluation) -> list[Headline]:
    """The numbers that stand at the top."""
    measures, open_set, latency = evaluation.retrieval, evaluation.open_set, evaluation.latency
    found = [
        _headline("Top-1", measures.top1, "the first hit shows the right item", measures.top1_ci95),
        *(
            _headline(f"Recall@{k}", measures.recall[k], f"a right photo among the first {k}", measures.recall_ci95[k])
            for k in sorted(measures.recall)
            if k > 1
        ),
        _headline("mAP", measures.map, "how far up all right photos stand", measures.map_ci95),
        _headline("mAP@R", measures.map_at_r, "the same, on the first R places", measures.map_at_r_ci95),
    ]
    if open_set is not None:
        area = Headline(
            "AUROC",
            f"{open_set.auroc:.3f}",
            "own item above unknown ones; 1 is perfect",
            "{:.3f}–{:.3f}".format(*open_set.auroc_ci95),
            (open_set.auroc_ci95[0] * 100, open_set.auroc_ci95[1] * 100),
            open_set.auroc * 100,
        )
        far, tar = next(iter(open_set.tar_at_far.items()))
        found += [
            area,
            Headline(f"TAR at {float(far):.0%} FAR", percent(tar), "known accepted at this false-accept rate"),
        ]
    if latency is not None:
        found.append(
            Headline(
                "Answer time", _milliseconds(latency.p50), f"median; 95 of 100 within {_milliseconds(latency.p95)}"
            )
        )
    return found


def confusion_cases(confusions: Sequence[Confusion], thumbnails: Thumbnails) -> list[Case]:
    """The worst confusions, each with one example in large pictures."""
    return [
        Case(
            shown=confusion.true_item or "a new item",
            verb=_verb(confusion.examples[0]),
            answer=confusion.predicted or "new",
            note=f"{confusion.count:,} of {confusion.of:,} photos",
            pictures=_pictures(confusion.examples[0], thumbnails, _LARGE),
        )
        for confusion in confusions[:_CONFUSIONS]
        if confusion.examples
    ]


def outcome_cases(outcomes: Sequence[Outcome], thumbnails: Thumbnails) -> list[Case]:
    """Single queries in small pictures, up to a bound."""
    return [
        Case(_shown(outcome), _verb(outcome), _answer(outcome), outcome.query, _pictures(outcome, thumbnails, _SMALL))
        for outcome in outcomes[:_PICTURED]
    ]


def unpictured(outcomes: Sequence[Outcome]) -> list[tuple[str, str, str, str]]:
    """Further queries as rows of a table: id, what it shows, answer, score."""
    return [
        (outcome.query, _shown(outcome), _answer(outcome), _score(outcome.score))
        for outcome in outcomes[_PICTURED:_LISTED]
    ]


def item_rows(matrix: ConfusionMatrix) -> list[ItemRow]:
    """Items by first hit, the worst recognised first, up to a bound."""
    rows = []
    for number, item in enumerate(matrix.items):
        mine = matrix.rows == number
        queries = int(matrix.counts[mine].sum())
        if not queries:
            continue
        right = int(matrix.counts[mine & (matrix.columns == number)].sum())
        wrong = np.where(mine & (matrix.columns != number), matrix.counts, 0)
        mistaken = matrix.column_labels[matrix.columns[wrong.argmax()]] if wrong.any() else ""
        rows.append(ItemRow(item, queries, right, percent(right / queries, 0), mistaken))
    return sorted(rows, key=lambda row: (row.right / row.queries, -row.queries, row.item))[:_ITEMS]


def _pictures(outcome: Outcome, thumbnails: Thumbnails, side: int) -> tuple[Picture, ...]:
    shown = outcome.label or outcome.true_item or "?"
    query = Picture("query", shown, "", "", outcome.query, thumbnails.of(outcome.query_path, side))
    found = _found(outcome, thumbnails, side)
    if outcome.hit is not None and outcome.hit == outcome.right_hit:
        return query, found
    return query, found, _would_be_right(outcome, thumbnails, side)


def _found(outcome: Outcome, thumbnails: Thumbnails, side: int) -> Picture:
    if outcome.hit is None:
        return Picture("found", "nothing", "", "wrong", "", Thumbnail(missing="nothing was found"))
    tone = "right" if outcome.hit == outcome.right_hit else "wrong"
    role = "found" if outcome.decision == "known" else "closest photo"
    picture = thumbnails.of(outcome.hit_path, side)
    return Picture(role, outcome.hit_item or outcome.item or "?", _score(outcome.score), tone, outcome.hit, picture)


def _would_be_right(outcome: Outcome, thumbnails: Thumbnails, side: int) -> Picture:
    role = "would be right"
    if outcome.true_item is None:
        return Picture(role, "new", "", "right", "", Thumbnail(missing="the gallery does not show this item"))
    if outcome.right_hit is None:
        return Picture(role, outcome.true_item, "", "right", "", Thumbnail(missing="not among the hits"))
    note = f"{_score(outcome.right_score)}, place {outcome.right_place:,}"
    picture = thumbnails.of(outcome.right_path, side)
    return Picture(role, outcome.true_item, note, "right", outcome.right_hit, picture)


def _headline(name: str, value: float, meaning: str, interval: Interval) -> Headline:
    if np.isnan(value):
        return Headline(name, "–", meaning)
    ends = (interval[0] * 100, interval[1] * 100)
    return Headline(name, percent(value), meaning, between(interval), ends, value * 100)


def _shown(outcome: Outcome) -> str:
    if outcome.true_item is None:
        return f"{outcome.label} (new)" if outcome.label else "a new item"
    return outcome.true_item


def _verb(outcome: Outcome) -> str:
    return {"known": "taken for", "new": "called", "unsure": "left"}[outcome.decision]


def _answer(outcome: Outcome) -> str:
    if outcome.decision == "unsure":
        return f"open, perhaps {outcome.item}" if outcome.item else "open"
    return outcome.item or "new"


def _score(score: float | None) -> str:
    return "–" if score is None else f"{score:.3f}"


def _milliseconds(value: float) -> str:
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"
