"""New scores, new order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.records import SearchResult
from util.rerank._ordering import head_rescored, rescored, ties_by_id

SCORES = st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0, 7.0]), max_size=12)


def result(scores, ids=None):
    falling = np.sort(np.asarray(scores, np.float32))[::-1]
    names = tuple(ids or (f"g{number:02d}" for number in range(len(falling))))
    return SearchResult("q", names, falling, tuple({"item": f"of {name}"} for name in names))


@given(SCORES)
def test_hits_stand_by_score_then_id_and_keep_their_metadata(scores):
    before = result(np.zeros(len(scores)))
    after = rescored(before, scores)
    expected = sorted(zip(before.ids, scores, strict=True), key=lambda pair: (-pair[1], pair[0]))
    assert list(zip(after.ids, after.scores.tolist(), strict=True)) == expected
    assert [hit.item for hit in after] == [f"of {id_}" for id_ in after.ids]


@given(SCORES, st.integers(0, 12))
def test_a_new_head_stands_above_the_rest(scores, size):
    before = result(np.linspace(1, 0, 12))
    head = (scores + [0.5] * 12)[:size]
    after = head_rescored(before, head)
    assert sorted(after.ids[:size]) == list(before.ids[:size])
    assert after.ids[size:] == before.ids[size:]
    np.testing.assert_array_equal(after.scores[size:], before.scores[size:])
    np.testing.assert_allclose(np.diff(after.scores[:size]), np.diff(sorted(head, reverse=True)), atol=1e-6)


@given(st.permutations(range(6)))
def test_equal_scores_are_put_in_order_of_ids(order):
    names = "abcdef"
    mixed = SearchResult("q", tuple(names[place] for place in order), np.full(6, 0.5))
    assert "".join(ties_by_id(mixed).ids) == names


@pytest.mark.parametrize(
    ("scores", "message"), [([0.1], "as many scores"), ([0.1, np.nan], "finite"), ([np.inf, 0], "finite")]
)
def test_refuses_scores_that_do_not_fit(scores, message):
    with pytest.raises(InvalidInputError, match=message):
        rescored(result([1.0, 0.5]), scores)


def test_refuses_a_head_longer_than_the_result():
    with pytest.raises(InvalidInputError, match="take no new scores"):
        head_rescored(result([1.0]), [0.1, 0.2])
