"""The page of a comparison, of three systems whose answers are written by hand."""

import json
import re
from datetime import datetime
from html.parser import HTMLParser

import numpy as np
import pytest

from util.errors import InvalidInputError
from util.evaluation.comparison import ComparedSystem, Comparison, Cost, FailedSystem, LeftOut, PerQuery, against_first
from util.evaluation.evaluate import evaluate_ranking
from util.evaluation.latency import Latency
from util.evaluation.outcomes import Outcome
from util.evaluation.robustness import RobustnessCurve, StrengthAccuracy
from util.plots.comparison_report import divided_queries, write_comparison
from util.plots.thumbnails import Thumbnails
from util.records import ImageRecord, SearchResult

GALLERY = {"m": "milk", "c": "cream", "b": "<b>beer"}
TRUTH = {"q1": "milk", "q2": "cream", "q3": "<b>beer", "q4": "milk"}


def system(name, first_hits, *, robustness=()):
    """A system that puts these images first; the other images follow."""
    results = []
    for query, first in zip(TRUTH, first_hits, strict=True):
        ranked = (first, *(id_ for id_ in GALLERY if id_ != first))
        results.append(SearchResult(query, ranked, np.array([0.9, 0.5, 0.1])))
    queries = [ImageRecord(query, f"{query}.jpg", item) for query, item in TRUTH.items()]
    right = {q: float(GALLERY[hit] == TRUTH[q]) for q, hit in zip(TRUTH, first_hits, strict=True)}
    latency = Latency.from_seconds([0.002, 0.004])
    return ComparedSystem(
        name=name, extractor="phash", recipe="square", index="Flat", reranker=None,
        evaluation=evaluate_ranking(results, queries, GALLERY),
        per_query=PerQuery(right, right),
        outcomes=tuple(
            Outcome(q, TRUTH[q], "known", GALLERY[hit], 0.9, hit, GALLERY[hit], TRUTH[q], query_path=f"{q}.jpg")
            for q, hit in zip(TRUTH, first_hits, strict=True)
        ),
        robustness=robustness,
        cost=Cost(latency, latency, None, None, 120.0, 256),
    )  # fmt: skip


@pytest.fixture
def comparison(tmp_path, pixels_on_disk):
    curve = RobustnessCurve("blur", (StrengthAccuracy(0.5, 4, 0.5, (0.2, 0.8)),))
    systems = [
        system("plain", ["m", "c", "m", "b"], robustness=(curve,)),
        system("better <i>", ["m", "c", "b", "c"]),
        system("worse", ["c", "m", "m", "c"]),
    ]
    return Comparison(
        against_first(systems), (FailedSystem("heavy", "no weights: put them there", "weights_missing"),),
        (LeftOut("broken.jpg", "truncated"),),
    )  # fmt: skip


@pytest.fixture
def pixels_on_disk(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    for name in ("q1.jpg", "q2.jpg"):
        Image.new("RGB", (32, 32), (200, 30, 30)).save(name)


class Page(HTMLParser):
    """The words of a page, its tags and addresses; tags must close what they open."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.addresses, self.ids, self.words = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def test_the_page_is_whole_and_loads_nothing(comparison, tmp_path):
    path = write_comparison(
        comparison, tmp_path / "out", command="nearid compare 'a & b'", created=datetime(2026, 5, 4, 12, 30)
    )
    page = Page(path.read_text(encoding="utf-8"))
    assert page.open == [] and len(page.ids) == len(set(page.ids))
    anchors = {address[1:] for address in page.addresses if address.startswith("#")}
    assert anchors == {"accuracy", "time", "strength", "queries", "systems"} and anchors <= set(page.ids)
    assert not [address for address in page.addresses if not address.startswith(("#", "data:image/jpeg;base64,"))]
    assert page.tags.count("svg") == 3
    assert page.tags.count("b") == page.tags.count("i") == 0  # names are text
    for words in (
        "3 systems", "4 queries", "better <i>", "<b>beer", "+0.0", "-50.0", "120", "heavy: no weights",
        "broken.jpg: truncated", "nearid compare 'a & b'", "2026-05-04 12:30", "right with 1 of 3 systems",
    ):  # fmt: skip
        assert words in page.text, words


def test_the_numbers_lie_beside_it(comparison, tmp_path):
    path = write_comparison(comparison, tmp_path / "out")
    written = json.loads((path.parent / "comparison.json").read_text())
    assert written == json.loads(json.dumps(comparison.to_json()))
    assert [one["name"] for one in written["systems"]] == ["plain", "better <i>", "worse"]
    assert written["systems"][1]["against_first"]["top1"]["only_first"] == 0
    assert written["failed_systems"][0]["code"] == "weights_missing"


def test_the_queries_that_divide_the_systems_come_with_what_each_put_first(comparison):
    divided = divided_queries(comparison, Thumbnails())
    assert [(one.query, one.right) for one in divided] == [("q1", 2), ("q2", 2), ("q3", 1)]  # q4: none is right
    first = divided[0].pictures
    assert [(shown.role, shown.item, shown.tone) for shown in first] == [
        ("query", "milk", ""), ("plain; better <i>", "milk", "right"), ("worse", "cream", "wrong"),
    ]  # fmt: skip
    assert first[0].thumbnail.source and not divided[2].pictures[0].thumbnail.source


def test_systems_that_agree_say_so(tmp_path):
    alike = [system(name, ["m", "c", "b", "m"]) for name in ("one", "two")]
    path = write_comparison(Comparison(against_first(alike)), tmp_path)
    page = Page(path.read_text(encoding="utf-8"))
    assert "There is no query that one system gets right and another does not" in page.text
    assert "strength" not in page.ids and page.tags.count("svg") == 2


def test_one_system_alone_has_no_differences(tmp_path):
    path = write_comparison(Comparison(against_first([system("one", ["m", "c", "b", "m"])])), tmp_path)
    assert not re.search(r"<th>top-1, difference", path.read_text(encoding="utf-8"))


def test_a_folder_that_cannot_be_written_is_named(comparison, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInputError, match="name another --out"):
        write_comparison(comparison, tmp_path / "file")
