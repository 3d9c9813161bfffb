"""The report of a comparison: one HTML file and the numbers beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from util.errors import InvalidInputError
from util.evaluation.comparison import ComparedSystem, Comparison, most_divided
from util.evaluation.outcomes import Outcome
from util.plots.comparison import bar_with_intervals
from util.plots.cost import plot_accuracy_and_cost
from util.plots.robustness import plot_robustness
from util.plots.svg import inline_svg
from util.plots.thumbnails import Thumbnail, Thumbnails
from util.plots.wording import percent

_DIVIDED = 16
_SIDE = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo with what it is to the reader.

    Attributes:
        role: the query, the right item, or the systems that put it first.
        item: what it shows.
        tone: ``right``, ``wrong`` or empty.
        name: id of the image.
        thumbnail: the picture or why there is none.
    """

    role: str
    item: str
    tone: str
    name: str
    thumbnail: Thumbnail


@dataclass(frozen=True, slots=True)
class DividedQuery:
    """A query that some systems get right and others do not.

    Attributes:
        query: its id.
        item: what it shows.
        right: how many systems get it right.
        pictures: the query, and what the systems put first.
    """

    query: str
    item: str
    right: int
    pictures: tuple[Shown, ...]


def write_comparison(
    comparison: Comparison,
    folder: str | Path,
    *,
    title: str = "Comparison",
    command: str = "",
    created: datetime | None = None,
) -> Path:
    """Writes ``report.html`` for a person and ``comparison.json`` for programs.

    The page needs nothing beside it and loads nothing from anywhere, as that of ``write_report``.

    Args:
        comparison: what to report.
        folder: where; made if needed.
        title: heading of the page.
        command: what made the comparison, so that it can be repeated.
        created: time to put on it; now by default.

    Returns:
        The page.

    Raises:
        InvalidInputError: if a file cannot be written.
    """
    target = Path(folder) / "report.html"
    page = _render(comparison, title, command, created or datetime.now().astimezone())
    numbers = json.dumps(comparison.to_json(), ensure_ascii=False, indent=1, allow_nan=False)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page, encoding="utf-8")
        target.with_name("comparison.json").write_text(numbers + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(f"cannot write the report to {target}: {error.strerror}; name another --out") from error
    return target


def divided_queries(comparison: Comparison, thumbnails: Thumbnails) -> list[DividedQuery]:
    """The queries on which the systems differ most, with what each system put first."""
    outcomes = {system.name: {one.query: one for one in system.outcomes} for system in comparison.systems}
    return [
        _divided({name: of_system[query] for name, of_system in outcomes.items()}, thumbnails)
        for query in most_divided(comparison.systems, _DIVIDED)
    ]


def _divided(outcomes: dict[str, Outcome], thumbnails: Thumbnails) -> DividedQuery:
    asked = next(iter(outcomes.values()))
    pictures = [Shown("query", asked.label or "", "", asked.query, thumbnails.of(asked.query_path, _SIDE))]
    names: dict[str | None, list[str]] = {}
    for name, outcome in outcomes.items():
        names.setdefault(outcome.hit, []).append(name)
    first_by_hit = {outcome.hit: outcome for outcome in reversed(outcomes.values())}
    for hit, systems in sorted(names.items(), key=lambda entry: first_by_hit[entry[0]].hit_item != asked.true_item):
        found = first_by_hit[hit]
        tone = "right" if found.hit_item == asked.true_item else "wrong"
        picture = thumbnails.of(found.hit_path, _SIDE)
        pictures.append(Shown("; ".join(systems), found.hit_item or "nothing found", tone, hit or "", picture))
    right = sum(outcome.hit_item == asked.true_item for outcome in outcomes.values())
    return DividedQuery(asked.query, asked.label or "", right, tuple(pictures))


def _render(comparison: Comparison, title: str, command: str, created: datetime) -> str:
    environment = Environment(
        loader=PackageLoader("util.plots"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent}
    return environment.get_template("comparison.html.jinja").render(
        title=title,
        command=command,
        created=created,
        comparison=comparison,
        systems=comparison.systems,
        divided=divided_queries(comparison, Thumbnails()),
        figures=_figures(comparison.systems),
    )


def _figures(systems: tuple[ComparedSystem, ...]) -> dict[str, str]:
    """SVG of each figure that there is something to show in."""
    names = [system.name for system in systems]
    accuracy = [system.evaluation.retrieval.top1 for system in systems]
    intervals = [system.evaluation.retrieval.top1_ci95 for system in systems]
    answers = [system.cost.answer.p50 for system in systems]
    figures = {
        "top1": bar_with_intervals(names, accuracy, intervals, title="Right item first (top-1)"),
        "cost": plot_accuracy_and_cost(names, accuracy, intervals, answers),
    }
    if any(system.robustness for system in systems):
        figures["robustness"] = plot_robustness({system.name: system.robustness for system in systems})
    return {name: inline_svg(figure, name=name, description=_DESCRIPTIONS[name]) for name, figure in figures.items()}


_DESCRIPTIONS = {
    "top1": "Top-1 accuracy of each system with its 95 % interval",
    "cost": "Top-1 accuracy of each system against the milliseconds that one answer takes",
    "robustness": "Top-1 accuracy of each system against the strength of each disturbance",
}
