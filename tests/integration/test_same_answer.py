"""The same query gives the same answer from the command line, the Python API and a notebook."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from util.image_extract import load
from util.search.extraction import Extraction
from util.search.identifying import identify
from util.search.similar import find_similar
from util.vector_store import open_store

CELLS = (
    """\
import json

from util.image_extract import load
from util.search.extraction import Extraction
from util.search.identifying import identify
from util.search.similar import find_similar
from util.vector_store import open_store

store = open_store({url!r})
extraction = Extraction(load("color_texture"))
""",
    """\
found = find_similar({queries!r}, extraction=extraction, store=store, space="color_texture")
decided = identify({queries!r}, extraction=extraction, store=store, space="color_texture")
""",
    """\
print(json.dumps({{
    "hits": [[[hit.id, hit.item, hit.score] for hit in result] for result in found.results],
    "decisions": [[d.decision, d.item, d.score, d.threshold, d.evidence.reason] for d in decided.decisions],
}}))
store.close()
""",
)

Answers = dict[str, list]


def from_python(url: str, queries: list[str]) -> Answers:
    with open_store(url) as store:
        asked = {"extraction": Extraction(load("color_texture")), "store": store, "space": "color_texture"}
        found = find_similar(queries, **asked)
        decided = identify(queries, **asked)
    return {
        "hits": [[[hit.id, hit.item, hit.score] for hit in result] for result in found.results],
        "decisions": [[d.decision, d.item, d.score, d.threshold, d.evidence.reason] for d in decided.decisions],
    }


def from_command_line(nearid: Callable[..., tuple[int, str, str]], queries: list[str]) -> Answers:
    found, decided = (json.loads(nearid(command, *queries, "--json")[1]) for command in ("search", "identify"))
    return {
        "hits": [[[hit["id"], hit["item"], hit["score"]] for hit in result["hits"]] for result in found["results"]],
        "decisions": [
            [d["decision"], d["item"], d["score"], d["threshold"], d["evidence"]["reason"]]
            for d in decided["decisions"]
        ],
    }


def from_notebook(url: str, queries: list[str], folder: Path) -> Answers:
    import nbformat
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    book = new_notebook(cells=[new_code_cell(cell.format(url=url, queries=queries)) for cell in CELLS])
    nbformat.validate(book)
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    (printed,) = book.cells[-1].outputs
    return json.loads(printed["text"])


def rounded(answers: Answers) -> Answers:
    """As the command line prints scores: with six decimals."""
    return json.loads(json.dumps(answers), parse_float=lambda text: round(float(text), 6))


@pytest.fixture
def queries(catalogue) -> list[str]:
    """A photo of a known item, one of another, and one of an item that the gallery does not show."""
    return [str(catalogue / name) for name in ("queries/item4/5.jpg", "queries/item0/4.jpg", "new/item6/1.jpg")]


def test_the_same_query_gives_the_same_answer_everywhere(nearid, catalogue, queries, tmp_path):
    assert nearid("index", catalogue / "gallery", "--json")[0] == 0
    url = f"embedded:{tmp_path / 'store.db'}"

    python = from_python(url, queries)
    assert [hits[0][1] for hits in python["hits"][:2]] == ["item4", "item0"]
    assert [len(hits) for hits in python["hits"]] == [10, 10, 10]
    assert python["decisions"][2][0] == "new"

    assert from_notebook(url, queries, tmp_path) == python
    assert from_command_line(nearid, queries) == rounded(python)


def test_asking_for_the_same_photo_by_path_bytes_or_array_is_the_same(nearid, catalogue, queries, tmp_path):
    from util.images import read_image

    assert nearid("index", catalogue / "gallery", "--json")[0] == 0
    path = queries[0]
    with open_store(f"embedded:{tmp_path / 'store.db'}") as store:
        asked = {"extraction": Extraction(load("color_texture")), "store": store, "space": "color_texture"}
        forms = [path, Path(path), Path(path).read_bytes(), read_image(path)]
        by_path, *others = (find_similar([form], **asked).results[0] for form in forms)
    for other in others:
        assert other.ids == by_path.ids
        assert other.scores.tolist() == by_path.scores.tolist()
