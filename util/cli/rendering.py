"""Records as JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from util.records import Decision, Hit, Verification
    from util.rerank.base import HitEvidence
    from util.search.similar import Found


def hit_as_json(hit: Hit) -> dict[str, object]:
    """A hit as ``nearid search --json`` and ``identify --json`` print it."""
    return {"id": hit.id, "item": hit.item, "score": round(hit.score, 6), "metadata": dict(hit.metadata)}


def results_as_json(found: Found, pictures: Sequence[Mapping[str, str]] = ()) -> list[dict[str, object]]:
    """The results of ``nearid search --json``; hits that a re-ranker looked at carry its evidence.

    Args:
        found: the results.
        pictures: one mapping a query, from hit to the picture drawn of it, where some were drawn.
    """
    none: Sequence[Mapping[str, Any]] = ({},) * len(found.results)
    return [
        {"query": result.query, "hits": [_explained(hit, seen, drawn) for hit in result]}
        for result, seen, drawn in zip(found.results, found.evidence or none, pictures or none, strict=True)
    ]


def _explained(hit: Hit, evidence: Mapping[str, HitEvidence], pictures: Mapping[str, str]) -> dict[str, object]:
    told = hit_as_json(hit)
    if hit.id in evidence:
        told["evidence"] = evidence[hit.id].to_json()
    if hit.id in pictures:
        told["picture"] = pictures[hit.id]
    return told


def decision_as_json(decision: Decision) -> dict[str, object]:
    """A decision as ``nearid identify --json`` prints it."""
    evidence = decision.evidence
    return {
        "query": decision.query,
        "decision": decision.decision,
        "item": decision.item,
        "score": None if decision.score is None else round(decision.score, 6),
        "threshold": round(decision.threshold, 6),
        "evidence": {
            "reason": evidence.reason,
            "photos": evidence.photos,
            "runner_up": evidence.runner_up,
            "runner_up_score": None if evidence.runner_up_score is None else round(evidence.runner_up_score, 6),
            "false_accept_rate": evidence.false_accept_rate,
            "hits": [hit_as_json(hit) for hit in evidence.hits],
            "verification": [verification_as_json(said) for said in evidence.verification],
        },
    }


def verification_as_json(said: Verification) -> dict[str, object]:
    """What a verifier said of one item; ``problem`` is empty where it could compare."""
    return {
        "item": said.item,
        "image": said.image,
        "probability": None if said.probability is None else round(said.probability, 6),
        "accepted": said.accepted,
        "problem": said.problem,
    }


def verification_line(said: Verification) -> str:
    """The same for a person."""
    if said.probability is None:
        return f"not verified: {said.item}: {said.problem}"
    return f"verifier {'accepts' if said.accepted else 'rejects'} {said.item} ({said.probability:.3f})"
