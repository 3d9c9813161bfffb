"""The HTML report: one file that holds the numbers, the pictures and what they mean."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from util.errors import InvalidInputError
from util.evaluation.report import Evaluation
from util.plots.confusion import plot_confusion
from util.plots.curves import plot_recall, plot_roc
from util.plots.histograms import plot_scores
from util.plots.page import confusion_cases, headlines, item_rows, outcome_cases, unpictured
from util.plots.svg import inline_svg
from util.plots.thumbnails import Thumbnails
from util.plots.wording import between, percent, protocol, remarks, sentences

_UNSURE = 12


def write_report(
    evaluation: Evaluation,
    path: str | Path,
    *,
    title: str = "Evaluation",
    command: str = "",
    created: datetime | None = None,
) -> Path:
    """Writes an evaluation as one HTML file for a person to read.

    The file needs nothing beside it: styles, figures (SVG) and thumbnails (JPEG) are inside, and it loads nothing from
    anywhere. Pictures are read from the paths in the evaluation; one that cannot be read is replaced by the reason. The
    thumbnails together take at most about 4 MB, whatever the number of errors.

    Args:
        evaluation: what to report.
        path: the file to write; its folder is made if needed.
        title: heading of the page.
        command: the command that made the evaluation, so that it can be repeated.
        created: time to put on it; now by default.

    Returns:
        The file.

    Raises:
        InvalidInputError: if the file cannot be written.
    """
    target = Path(path)
    page = _render(evaluation, title, command, created or datetime.now().astimezone())
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(f"cannot write the report to {target}: {error.strerror}; name another file") from error
    return target


def _render(evaluation: Evaluation, title: str, command: str, created: datetime) -> str:
    environment = Environment(
        loader=PackageLoader("util.plots"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "between": between}
    thumbnails = Thumbnails()
    return environment.get_template("report.html.jinja").render(
        title=title,
        command=command,
        created=created,
        evaluation=evaluation,
        headlines=headlines(evaluation),
        sentences=sentences(evaluation),
        remarks=remarks(evaluation),
        protocol=protocol(evaluation.open_set) if evaluation.open_set else "",
        confusions=confusion_cases(evaluation.worst_confusions, thumbnails),
        errors=outcome_cases(evaluation.errors, thumbnails),
        more_errors=unpictured(evaluation.errors),
        unsure=outcome_cases(evaluation.unsure[:_UNSURE], thumbnails),
        items=item_rows(evaluation.confusion_of_first_hits),
        figures=_figures(evaluation),
    )


def _figures(evaluation: Evaluation) -> dict[str, str]:
    """SVG of each figure that this evaluation has something to show in."""
    open_set, calibration = evaluation.open_set, evaluation.calibration
    figures = {}
    if open_set is not None:
        operating_point = (open_set.far_at_threshold, open_set.tar_at_threshold)
        figures["roc"] = plot_roc(open_set.roc, area=open_set.auroc, operating_point=operating_point)
        figures["scores"] = plot_scores(
            evaluation.best_scores,
            threshold=open_set.threshold,
            lower=calibration.lower if calibration else None,
            same="own item",
            different="unknown item",
        )
    if evaluation.pair_scores is not None:
        figures["pairs"] = plot_scores(
            evaluation.pair_scores, same="same item", different="different items", title="All pairs of photos"
        )
    if evaluation.retrieval.recall_curve:
        figures["recall"] = plot_recall({"recall": evaluation.retrieval.recall_curve})
    if evaluation.decisions is not None:
        figures["decided"] = plot_confusion(evaluation.confusion)
    figures["confusion"] = plot_confusion(evaluation.confusion_of_first_hits)
    return {name: inline_svg(figure, name=name, description=_DESCRIPTIONS[name]) for name, figure in figures.items()}


_DESCRIPTIONS = {
    "roc": "ROC curve: share of known items accepted against share of unknown items accepted",
    "scores": "Histograms of the best score of each query with its own item and of unknown items, with the threshold",
    "pairs": "Histograms of the scores of all pairs of photos of the same and of different items",
    "recall": "Share of queries with a right photo among the first k hits",
    "decided": "Confusion matrix by decision, with new and unsure",
    "confusion": "Confusion matrix by first hit",
}
