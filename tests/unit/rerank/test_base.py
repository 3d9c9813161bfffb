"""The values that re-rankers are given, and files that define none."""

import sys

import numpy as np
import pytest

import util.rerank
from util.errors import InvalidInputError, ReRankerUnavailableError
from util.records import SearchResult
from util.rerank import available_rerankers, build_reranker
from util.rerank.base import Gallery, RankedQueries

GALLERY = Gallery(("a", "b"), np.eye(2, dtype=np.float32))
RESULT = SearchResult("q", ("a",), np.array([1.0]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gallery(("a",), np.eye(2)), "as many vectors"),
        (lambda: Gallery(("a", "b"), np.zeros(2)), "as many vectors"),
        (lambda: Gallery(("a", "a"), np.eye(2)), "stands twice"),
        (lambda: Gallery(("a",), np.ones((1, 1)), metadata=({}, {})), "as many metadata rows, or none, got 2"),
        (lambda: RankedQueries((RESULT,), np.ones((1, 2)), GALLERY, query_metadata=({}, {})), "1 queries need as many"),
        (lambda: GALLERY.with_vectors(np.eye(3), how="x"), "needs as many vectors"),
        (lambda: RankedQueries((RESULT,), np.eye(2), GALLERY), r"vectors of shape \(1, 2\)"),
        (lambda: RankedQueries((RESULT,), np.ones((1, 3)), GALLERY), r"vectors of shape \(1, 2\)"),
        (lambda: RankedQueries((RESULT,), np.ones((1, 2)), GALLERY, None, ({}, {})), "as many evidences"),
        (lambda: RankedQueries((SearchResult("q", ("z",), [1.0]),), np.ones((1, 2)), GALLERY), "'z', whose vector"),
    ],
)
def test_refuses_what_does_not_fit(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()


def test_a_gallery_with_other_vectors_keeps_its_metadata():
    said = ({"category": "milk"}, {})
    moved = Gallery(("a", "b"), np.eye(2), metadata=said).with_vectors(np.ones((2, 3)), how="x")
    assert moved.metadata == said


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import no_such_package", "cannot be imported: ModuleNotFoundError"),
        ("x = 1", "must define exactly one class"),
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
    ],
)
def test_a_broken_file_is_named_and_harms_no_other(tmp_path, monkeypatch, code, message):
    (tmp_path / "broken.py").write_text(code)
    monkeypatch.setattr(util.rerank, "__path__", [*util.rerank.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "util.rerank.broken", raising=False)
    assert "broken" in available_rerankers()
    with pytest.raises(ReRankerUnavailableError, match=message):
        build_reranker("broken")
    monkeypatch.delitem(sys.modules, "util.rerank.broken", raising=False)
    assert build_reranker("aqe").n == 3


def test_a_file_that_is_dropped_in_is_a_re_ranker(tmp_path, monkeypatch):
    (tmp_path / "backwards.py").write_text(
        "from dataclasses import dataclass\n"
        "from typing import ClassVar\n"
        "from util.rerank._ordering import rescored\n"
        "from util.rerank.base import ReRanker\n"
        "@dataclass(frozen=True, kw_only=True)\n"
        "class Backwards(ReRanker):\n"
        "    name: ClassVar[str] = 'backwards'\n"
        "    times: float = 1.0\n"
        "    def __call__(self, queries):\n"
        "        turned = [rescored(r, -self.times * r.scores) for r in queries.results]\n"
        "        return queries.replace(results=tuple(turned))\n"
    )
    monkeypatch.setattr(util.rerank, "__path__", [*util.rerank.__path__, str(tmp_path)])
    queries = RankedQueries((SearchResult("q", ("a", "b"), [0.9, 0.1]),), np.ones((1, 2)), GALLERY)
    answered = build_reranker("backwards:times=2+backwards")(queries)
    assert answered.results[0].ids == ("a", "b")
    np.testing.assert_allclose(build_reranker("backwards:times=2")(queries).results[0].scores, [-0.2, -1.8], atol=1e-6)
    monkeypatch.delitem(sys.modules, "util.rerank.backwards")
