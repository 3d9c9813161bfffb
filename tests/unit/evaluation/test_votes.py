from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.evaluation import votes
from util.evaluation.classification import NO_ANSWER
from util.evaluation.ranking import own_images, rank_gallery
from util.evaluation.relevance import RankedRelevance
from util.evaluation.retrieval import mean_over_queries, precision_at_k
from util.evaluation.votes import elect_items, measure_votes

ITEMS = ["cream", "juice", "milk"]


@st.composite
def searches(draw):
    """A gallery of three items, queries of these and of a fourth, scores with ties, whole or cut rankings."""
    shown = draw(st.lists(st.sampled_from(ITEMS), min_size=1, max_size=8))
    gallery = {f"g{i}": item for i, item in enumerate(shown)}
    asked = draw(st.lists(st.sampled_from([*ITEMS, "soup"]), min_size=1, max_size=5))
    level = st.sampled_from([0.0, 0.25, 0.5, 1.0])
    scores = draw(st.lists(st.lists(level, min_size=len(shown), max_size=len(shown)), min_size=len(asked),
                           max_size=len(asked)))  # fmt: skip
    return scores, asked, gallery, draw(st.integers(1, len(shown))), draw(st.integers(1, 9))


def naive_election(hits, k):
    """Hits are (item, score), best first."""
    if not hits:
        return None
    count, total = Counter(), Counter()
    for item, score in hits[:k]:
        count[item] += 1
        total[item] += score
    order = [item for item, _ in hits[:k]]
    return min(count, key=lambda item: (-count[item], -total[item], order.index(item)))


@given(problem=searches())
def test_equal_to_counting_hit_by_hit(results_of, problem):
    scores, asked, gallery, depth, k = problem
    results = results_of(scores, list(gallery), depth=depth)
    ranking = rank_gallery(results, asked, gallery)
    elected = [None if code == NO_ANSWER else ranking.items[code] for code in elect_items(ranking, k)]
    hits = [[(gallery[id_], float(score)) for id_, score in zip(r.ids, r.scores, strict=True)] for r in results]
    assert elected == [naive_election(row, k) for row in hits]

    counted = [row for row, item in enumerate(asked) if item in gallery.values()]
    measures = measure_votes(ranking, k)
    pairs = [(asked[row], item) for row in counted for item, _ in hits[row][:k]]
    assert int(measures.by_hits.support.sum()) == len(pairs)
    if pairs:
        assert measures.by_hits.accuracy == pytest.approx(np.mean([true == item for true, item in pairs]))
    if counted:
        right = [elected[row] == asked[row] for row in counted]
        assert measures.by_majority.accuracy == pytest.approx(np.mean(right))


def test_accuracy_by_hits_is_the_mean_precision_where_rankings_are_full(results_of):
    random = np.random.default_rng(1)
    gallery = {f"g{i}": ITEMS[i % 3] for i in range(30)}
    ranking = rank_gallery(results_of(random.random((9, 30)), list(gallery)), [*ITEMS] * 3, gallery)
    precision = mean_over_queries(precision_at_k(RankedRelevance.from_ranking(ranking), 10))
    assert measure_votes(ranking, 10).by_hits.accuracy == pytest.approx(precision)


def test_the_query_itself_has_no_vote(results_of):
    gallery = {"a": "milk", "b": "cream"}
    results = results_of([[1.0, 0.9]], list(gallery))
    with_itself = rank_gallery(results, ["milk"], gallery)
    without = rank_gallery(results, ["milk"], gallery, excluded=own_images(query_ids=["a"]))
    assert measure_votes(with_itself, 1).by_majority.accuracy == 1.0
    assert measure_votes(without, 1).by_majority.items == ()  # no other image of it: nothing to be found


def test_blocks_do_not_show(results_of, monkeypatch):
    random = np.random.default_rng(2)
    gallery = {f"g{i}": ITEMS[i % 3] for i in range(12)}
    ranking = rank_gallery(results_of(random.random((20, 12)), list(gallery)), ["milk"] * 20, gallery)
    at_once = elect_items(ranking, 5)
    monkeypatch.setattr(votes, "_PAIRS", 100)
    assert elect_items(ranking, 5).tolist() == at_once.tolist()


def test_k_counts_from_one(shelf):
    with pytest.raises(InvalidInputError, match="k counts hits from 1 on"):
        measure_votes(rank_gallery(*shelf), 0)
