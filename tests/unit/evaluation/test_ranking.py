import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.evaluation.ranking import NOT_IN_GALLERY, UNLABELLED, own_images, rank_gallery
from util.records import SearchResult

labels = st.sampled_from(["a", "b", "c", None])


@st.composite
def searches(draw):
    """A gallery, queries, rankings of any depth and ids that must not count."""
    gallery = {f"g{i}": label for i, label in enumerate(draw(st.lists(labels, min_size=1, max_size=8)))}
    queries = draw(st.lists(st.sampled_from(["a", "b", "c", "d", None]), max_size=4))
    results, excluded = [], []
    for row in range(len(queries)):
        ids = draw(st.permutations(list(gallery)))[: draw(st.integers(0, len(gallery)))]
        scores = sorted(draw(st.lists(st.integers(-4, 4), min_size=len(ids), max_size=len(ids))), reverse=True)
        results.append(SearchResult(f"q{row}", tuple(ids), np.array(scores, dtype=np.float32) / 4))
        excluded.append(draw(st.sets(st.sampled_from([*gallery, "elsewhere"]), max_size=3)))
    return results, queries, gallery, excluded


@given(searches())
def test_agrees_with_plain_lists(search):
    results, queries, gallery, excluded = search
    ranking = rank_gallery(results, queries, gallery, excluded=excluded)
    for row, result in enumerate(results):
        left = [
            (id_, score)
            for id_, score in zip(result.ids, result.scores, strict=True)
            if gallery[id_] is not None and id_ not in excluded[row]
        ]
        n = len(left)
        assert [ranking.id_at(row, place) for place in range(n)] == [id_ for id_, _ in left]
        assert [ranking.item_at(row, place) for place in range(n)] == [gallery[id_] for id_, _ in left]
        assert ranking.scores[row, :n].tolist() == [score for _, score in left]
        assert not ranking.valid[row, n:].any() and np.all(np.isneginf(ranking.scores[row, n:]))
        wanted = [gallery[id_] == queries[row] for id_, _ in left]
        assert ranking.relevant[row, :n].tolist() == wanted and not ranking.relevant[row, n:].any()
        findable = [item for id_, item in gallery.items() if item is not None and id_ not in excluded[row]]
        assert ranking.n_candidates[row] == len(findable)
        assert ranking.n_relevant[row] == findable.count(queries[row])
        assert ranking.complete[row] == (n == len(findable))


def test_codes_of_queries(shelf):
    results, query_items, gallery = shelf
    ranking = rank_gallery(results, query_items, gallery)
    assert ranking.items == ("cream", "juice", "milk")
    assert ranking.query_items.tolist() == [2, 0, NOT_IN_GALLERY, UNLABELLED, 1]
    assert len(ranking) == 5


def test_own_images_by_id_and_by_content():
    assert own_images(query_ids=["a", "b"]) == [{"a"}, {"b"}]
    contents = {"a": "1", "copy of a": "1", "b": "2"}
    assert own_images(query_contents=["1", "9"], gallery_contents=contents) == [{"a", "copy of a"}, set()]
    both = own_images(query_ids=["a", "x"], query_contents=["1", "9"], gallery_contents=contents)
    assert both == [{"a", "copy of a"}, {"x"}]


FOUND = SearchResult("q", ("a",), np.array([1.0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rank_gallery([FOUND], [], {"a": "x"}), "as many query items"),
        (lambda: rank_gallery([FOUND], ["x"], {"a": "x"}, excluded=[]), "sets of excluded ids"),
        (lambda: rank_gallery([FOUND], ["x"], {"b": "x"}), "'a', which is not in the gallery"),
        (lambda: rank_gallery([FOUND], ["x"], {}), "gallery is empty"),
        (lambda: own_images(), "by ids, or by content hashes"),
        (lambda: own_images(query_ids=["a"], query_contents=["1"]), "of the queries and of the gallery"),
        (
            lambda: own_images(query_ids=["a"], query_contents=["1", "2"], gallery_contents={}),
            "1 queries need as many content hashes",
        ),
    ],
)
def test_refuses(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()
