"""What the numbers of an evaluation mean, in sentences."""

from __future__ import annotations

import math

from util.evaluation.intervals import Interval
from util.evaluation.open_set_measures import OpenSetMeasures
from util.evaluation.outcomes import DecisionCounts
from util.evaluation.report import Evaluation
from util.evaluation.retrieval_measures import RetrievalMeasures


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage, "–" where there is none.

    >>> percent(0.2694), percent(math.nan), percent(1.0)
    ('26.9 %', '–', '100 %')
    """
    if share is None or math.isnan(share):
        return "–"
    if share in (0.0, 1.0):
        return f"{share * 100:.0f} %"
    return f"{share * 100:.{digits}f} %"


def between(interval: Interval) -> str:
    """An interval of shares.

    >>> between((0.2456, 0.2948))
    '24.6–29.5 %'
    """
    low, high = interval
    return "–" if math.isnan(low) or math.isnan(high) else f"{low * 100:.1f}–{high * 100:.1f} %"


def sentences(evaluation: Evaluation) -> list[str]:
    """The evaluation in a few sentences, most important first."""
    spoken = [*_retrieval(evaluation.retrieval)]
    if evaluation.open_set is not None:
        spoken += _open_set(evaluation.open_set)
    if evaluation.decisions is not None:
        spoken += _decisions(evaluation.decisions)
    return spoken


def protocol(open_set: OpenSetMeasures) -> str:
    """How the scores of unknown items were come by."""
    if open_set.protocol == "unknown-queries":
        return f"{open_set.n_unknown:,} photos of items that the gallery does not show"
    return (
        f"the same {open_set.n_unknown:,} photos, each asked again with its own item left out of the gallery, "
        "as if that item were new"
    )


def remarks(evaluation: Evaluation) -> list[str]:
    """What did not count, and what limits the numbers."""
    excluded, gallery, ties = evaluation.excluded, evaluation.gallery, evaluation.retrieval.ties
    elsewhere = "counted for “known or new” only"
    facts = [
        (excluded.unlabelled_queries, "Queries without a label, left out"),
        (excluded.unknown_items, f"Queries of items that the gallery does not show, {elsewhere}"),
        (excluded.single_images, f"Queries that are the only gallery photo of their item, {elsewhere}"),
        (excluded.own_images, "Gallery photos that were the query itself or a copy of it, not counted as hits"),
        (gallery.unlabelled, "Gallery photos without a label, not counted as hits"),
        (ties.queries, "Queries with a right and a wrong photo sharing the highest score"),
    ]
    found = [f"{text}: {count:,}." for count, text in facts if count]
    if ties.queries:
        found.append(
            f"If at equal scores the wrong photo always came first, top-1 would be {percent(ties.top1_worst)}."
        )
    calibration = evaluation.calibration
    if calibration is not None and not calibration.resolves_far:
        highest = percent(calibration.far_ci95[1])
        found.append(
            f"The threshold was calibrated on {calibration.n_impostors:,} scores of unknown items, too few to see a "
            f"false-accept rate of {percent(calibration.far)}: the true one may be up to {highest}."
        )
    if not gallery.complete:
        depth, images = gallery.depth, gallery.images
        found.append(f"Rankings hold the best {depth:,} of {images:,} gallery photos: mAP is a lower bound.")
    return found


def _retrieval(measures: RetrievalMeasures) -> list[str]:
    if measures.n == 0:
        return ["No query shows an item of the gallery, so there was nothing to be found."]
    right = round(measures.top1 * measures.n)
    found = (
        f"The first hit shows the right item for {right:,} of {measures.n:,} photos, {percent(measures.top1)}. "
        f"With this many photos the true rate lies between {between(measures.top1_ci95).replace('–', ' and ')} "
        "(95 % interval)."
    )
    if measures.recall[10] > measures.top1:
        found += (
            f" Among the first five hits it is there for {percent(measures.recall[5])}, "
            f"among the first ten for {percent(measures.recall[10])}."
        )
    return [found]


def _open_set(measures: OpenSetMeasures) -> list[str]:
    told_apart = (
        "A photo scores higher with its own item than a photo of an unknown item does with any in "
        f"{percent(measures.auroc)} of all pairs. For known or new alone, whatever item it is then taken for, "
        f"the AUROC is {measures.detection_auroc:.3f} (0.5 would be chance)."
    )
    far, tar = measures.far_at_threshold, measures.tar_at_threshold
    whose = "The threshold in use" if measures.threshold_source == "given" else "A threshold for 1 % false accepts"
    at_threshold = (
        f"{whose}, {measures.threshold:.3f}, takes {percent(far)} of the photos of unknown items for known, "
        f"and is reached by the right item in {percent(tar)} of the photos of known ones."
    )
    return [told_apart, at_threshold]


def _decisions(counts: DecisionCounts) -> list[str]:
    spoken = []
    if counts.n_known:
        spoken.append(
            f"Of {counts.n_known:,} photos of known items: {counts.known_right:,} named rightly, "
            f"{counts.known_wrong:,} wrongly, {counts.known_called_new:,} called new, "
            f"{counts.known_unsure:,} left open."
        )
    if counts.n_unknown:
        spoken.append(
            f"Of {counts.n_unknown:,} photos of unknown items: {counts.unknown_called_new:,} recognised as new, "
            f"{counts.unknown_accepted:,} taken for a known item, {counts.unknown_unsure:,} left open."
        )
    return spoken
