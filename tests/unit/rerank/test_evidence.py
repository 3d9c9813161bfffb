"""What several re-rankers of a chain saw, hit by hit."""

from dataclasses import dataclass

import pytest

from util.rerank._evidence import JoinedEvidence, join_evidence
from util.rerank.base import HitEvidence
from util.rerank.second_look import SecondOpinion


@dataclass(frozen=True)
class Seen(HitEvidence):
    values: dict

    def to_json(self):
        return self.values


def test_evidence_of_both_is_joined_hit_by_hit():
    joined = join_evidence({"a": Seen({"x": 1, "y": 1}), "b": Seen({"x": 2})}, {"a": Seen({"y": 3}), "c": Seen({})})
    assert list(joined) == ["a", "b", "c"]
    assert len(joined) == 3
    assert joined["a"] == JoinedEvidence(Seen({"x": 1, "y": 1}), Seen({"y": 3}))
    assert [joined[id_].to_json() for id_ in joined] == [{"x": 1, "y": 3}, {"x": 2}, {}]
    assert "d" not in joined
    with pytest.raises(KeyError):
        joined["d"]


def test_problems_of_both_are_told_once():
    gone, blurred = SecondOpinion("phash", None, problem="gone"), SecondOpinion("phash", None, problem="blurred")
    assert join_evidence({"a": gone}, {"a": blurred})["a"].problems == ("gone", "blurred")
    assert join_evidence({"a": gone}, {"a": gone})["a"].problems == ("gone",)
    assert join_evidence({"a": Seen({})}, {"a": SecondOpinion("phash", 0.5)})["a"].problems == ()


def test_without_earlier_evidence_the_later_is_passed_on_as_it_is():
    later = {"a": Seen({})}
    assert join_evidence({}, later) is later
