"""The result of an evaluation: one value that holds everything a report or a comparison needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

from util.evaluation.calibration import Calibration
from util.evaluation.confusion import Confusion, ConfusionMatrix
from util.evaluation.histogram import ScoreHistogram
from util.evaluation.latency import Latency
from util.evaluation.open_set_measures import OpenSetMeasures
from util.evaluation.outcomes import DecisionCounts, Outcome
from util.evaluation.retrieval_measures import RetrievalMeasures
from util.evaluation.votes import VoteMeasures

SystemValue = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Gallery:
    """What was searched.

    Attributes:
        images: how many images.
        items: how many items they show.
        unlabelled: how many images without a label; they were taken out of the rankings.
        depth: length of the longest ranking.
        complete: whether every ranking holds every image. mAP is a lower bound where it does not.
    """

    images: int
    items: int
    unlabelled: int
    depth: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Exclusions:
    """What did not count, and why.

    Attributes:
        unlabelled_queries: queries of which nobody has said what they show: left out of everything.
        unknown_items: queries whose item the gallery does not show: left out of the closed-set measures.
        single_images: queries that are the only gallery image of their item: likewise.
        own_images: gallery images taken out of rankings, because they were the query itself or a copy of it.
    """

    unlabelled_queries: int
    unknown_items: int
    single_images: int
    own_images: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that one evaluation found out.

    Attributes:
        retrieval: is the right item found (closed set).
        votes: what the first ten hits of known items vote for, as a classification.
        open_set: are known items told from new ones; ``None`` if there were no trials of one of the two kinds.
        decisions: how decisions came out; ``None`` where none were made, and first hits stand for them.
        calibration: what the decisions rest on, where it is known.
        confusion: which item is taken for which, by decision, or else by first hit.
        confusion_of_first_hits: the same for known items only, by first hit, whatever was decided.
        worst_confusions: the known items whose first hit most often shows another item, with examples. By first hit,
            because an extractor mixes items up also where a careful threshold leaves the answer open.
        errors: wrong answers, highest score first, up to a bound.
        n_errors: how many there are.
        unsure: queries left open, highest score first, up to the same bound.
        best_scores: the scores that decisions are taken on: of the best image of the own item (``same``), and of the
            best image for an unknown item (``different``), see ``trials``.
        pair_scores: all pairs of a query and a gallery image, of the same and of different items; ``None`` where the
            rankings were cut, since the pairs left out are the dissimilar ones.
        gallery: what was searched.
        excluded: what did not count.
        latency: how long answers took, where it was measured.
        system: what was evaluated, such as extractor, recipe, store, index; shown as it is.
    """

    retrieval: RetrievalMeasures
    votes: VoteMeasures
    open_set: OpenSetMeasures | None
    decisions: DecisionCounts | None
    calibration: Calibration | None
    confusion: ConfusionMatrix
    confusion_of_first_hits: ConfusionMatrix
    worst_confusions: tuple[Confusion, ...]
    errors: tuple[Outcome, ...]
    n_errors: int
    unsure: tuple[Outcome, ...]
    best_scores: ScoreHistogram
    pair_scores: ScoreHistogram | None
    gallery: Gallery
    excluded: Exclusions
    latency: Latency | None = None
    system: Mapping[str, SystemValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "system", MappingProxyType(dict(self.system)))

    def with_scores_of(self, searched: Evaluation) -> Evaluation:
        """This one with all that rests on scores which compare between queries taken from another one.

        Scores of a re-ranker compare within one query only, so that known or new is decided on those of the search.
        """
        return replace(
            self,
            open_set=searched.open_set,
            decisions=searched.decisions,
            calibration=searched.calibration,
            unsure=searched.unsure,
            best_scores=searched.best_scores,
            pair_scores=searched.pair_scores,
        )

    def to_json(self) -> dict[str, Any]:
        """As a plain dictionary that ``json.dumps`` takes, without NaN or infinity.

        The closed-set measures stand at the top level (``n``, ``top1``, ``recall``, ``map`` …), the rest under
        ``open_set``, ``latency_ms`` and so on.
        """
        return self.retrieval.to_json() | {
            "votes": self.votes.to_json(),
            "open_set": self.open_set.to_json() if self.open_set else None,
            "decisions": self.decisions.to_json() if self.decisions else None,
            "calibration": self.calibration.to_json() if self.calibration else None,
            "latency_ms": self.latency.to_json() if self.latency else None,
            "confusion": self.confusion.to_json(),
            "confusion_of_first_hits": self.confusion_of_first_hits.to_json(),
            "worst_confusions": [confusion.to_json() for confusion in self.worst_confusions],
            "errors": [error.to_json() for error in self.errors],
            "n_errors": self.n_errors,
            "unsure": [outcome.to_json() for outcome in self.unsure],
            "best_scores": self.best_scores.to_json(),
            "pair_scores": self.pair_scores.to_json() if self.pair_scores else None,
            "gallery": asdict(self.gallery),
            "excluded": asdict(self.excluded),
            "system": dict(self.system),
        }
