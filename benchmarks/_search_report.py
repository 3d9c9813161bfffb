"""What ``approximate_search.py`` measured, as tables in the documentation and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent.parent / "docs" / "search_methods.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
PICTURE = PAGE.parent / "pictures" / "approximate_search.png"
WANTED_RECALL = 0.95


def recommended(kinds: dict[str, Any]) -> dict[str, object]:
    """The fastest answer through the store that finds enough, and how much faster than exact search it is."""
    candidates = [
        (point["queries_per_second"], kind, point)
        for kind, measured in kinds.items()
        for point in measured["store"]
        if point["recall"] >= WANTED_RECALL
    ]
    if not candidates:
        return {}
    speed, kind, point = max(candidates, key=lambda candidate: candidate[0])
    exact = kinds.get("flat")
    return {
        "index": kind,
        "search_parameters": point["parameters"],
        "recall": point["recall"],
        "queries_per_second": speed,
        "times_as_fast_as_exact": round(speed / exact["store"][0]["queries_per_second"], 1) if exact else None,
    }


def report(result: dict[str, Any]) -> None:
    """Writes a table for each size into the page, prints it, and draws the picture of the largest."""
    runs = sorted(result["runs"].values(), key=lambda measured: measured["images"])
    written = "\n\n".join(f"{words(measured)}\n\n{table(measured['kinds'])}" for measured in runs)
    print(written)
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{written}\n\n{END}{rest.split(END)[1]}")
    from util.plots.search_curves import plot_recall_and_speed

    largest = runs[-1]
    title = f"Recall and speed: {largest['images']:,} vectors of {largest['dimension']} numbers, one thread"
    figure = plot_recall_and_speed(
        {
            kind: [(point["recall"], point["queries_per_second"]) for point in of_kind["store"]]
            for kind, of_kind in largest["kinds"].items()
        },
        title=title,
        wanted=WANTED_RECALL,
    )
    figure.savefig(PICTURE)


def words(measured: dict[str, Any]) -> str:
    """What a table shows, and what it recommends."""
    about = f"**{measured['images']:,} vectors of {measured['dimension']} numbers**"
    if "load_average_before" in measured:
        processors = measured["provenance"]["machine"]["cpu_count"]
        about += f", {processors} processors, load average before {measured['load_average_before']}"
    best = measured["recommended"]
    if not best:
        return f"{about}. No index finds {WANTED_RECALL:.0%} of the true ten."
    effort = f" with `{best['search_parameters']}`" if best["search_parameters"] else " as it is"
    times = best["times_as_fast_as_exact"]
    compared = f", {times:.0f} times as fast as exact search" if times else ""
    return (
        f"{about}. Recommended: `{best['index']}`{effort}, recall {best['recall']:.3f} at "
        f"{best['queries_per_second']:.0f} queries a second{compared}."
    )


def table(kinds: dict[str, Any]) -> str:
    """Markdown: each kind at the least effort that finds enough, or at its best."""
    head = (
        "| index | search parameters | recall@10 | queries/s | × exact | bare library | build | bytes a vector | peak |"
    )
    lines = [head, "|---|---|---|---|---|---|---|---|---|"]
    exact = kinds["flat"]["store"][0]["queries_per_second"] if "flat" in kinds else None
    for kind, measured in kinds.items():
        point, made = chosen(measured["store"]), measured["build"]
        bare_point = chosen(measured["library"])
        costs = (
            f"{made['seconds']:.0f} s | {made['bytes_a_vector']:.0f} | {made['peak_mib'] / 1024:.1f} GiB"
            if made
            else "- | - | -"
        )
        times = f"{point['queries_per_second'] / exact:.1f}" if exact else "-"
        effort = point["parameters"] or ("as chosen" if made else "-")
        lines.append(
            f"| `{kind}` | {effort} | {point['recall']:.3f} | {point['queries_per_second']:.0f} | {times} | "
            f"{bare_point['queries_per_second']:.0f} at {bare_point['recall']:.3f} | {costs} |"
        )
    return "\n".join(lines)


def chosen(points: list[dict[str, Any]]) -> dict[str, Any]:
    """The fastest point that finds enough; the one that finds most where none does."""
    enough = [point for point in points if point["recall"] >= WANTED_RECALL]
    if enough:
        return max(enough, key=lambda point: point["queries_per_second"])
    return max(points, key=lambda point: point["recall"])
