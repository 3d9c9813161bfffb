"""What several re-rankers of a chain saw in one hit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from util.rerank.base import HitEvidence


@dataclass(frozen=True, slots=True)
class JoinedEvidence(HitEvidence):
    """What one re-ranker saw, and what the next one saw.

    Attributes:
        earlier: of the re-ranker, or re-rankers, before.
        later: of the last one.
    """

    earlier: HitEvidence
    later: HitEvidence

    @property
    def problems(self) -> tuple[str, ...]:
        """Those of both."""
        return tuple(dict.fromkeys((*self.earlier.problems, *self.later.problems)))

    def to_json(self) -> dict[str, Any]:
        """The keys of both; of one that both have, the later value."""
        return self.earlier.to_json() | self.later.to_json()


def join_evidence(earlier: Mapping[str, HitEvidence], later: Mapping[str, HitEvidence]) -> Mapping[str, HitEvidence]:
    """The evidence of one query's hits, after one more re-ranker has looked at some of them."""
    return _Joined(earlier, later) if earlier else later


@dataclass(frozen=True, slots=True, eq=False)
class _Joined(Mapping[str, HitEvidence]):
    """Joined when it is asked for: whole rankings hold millions of hits, and few are shown."""

    earlier: Mapping[str, HitEvidence]
    later: Mapping[str, HitEvidence]

    def __getitem__(self, id_: str) -> HitEvidence:
        if id_ in self.earlier and id_ in self.later:
            return JoinedEvidence(self.earlier[id_], self.later[id_])
        return self.later[id_] if id_ in self.later else self.earlier[id_]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self.earlier, *self.later)))

    def __len__(self) -> int:
        return len(self.earlier.keys() | self.later.keys())
