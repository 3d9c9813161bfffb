"""The catalogue of evaluation protocols: what each measures, when to take it, what it needs, who defined it."""

from __future__ import annotations

from dataclasses import dataclass

from util.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way of measuring that others measure by as well.

    Attributes:
        name: as ``nearid evaluate --protocol`` takes it.
        measures: the numbers that come out.
        purpose: when to take it.
        source: who defined it.
        truth: the file with the ground truth; empty where photos are labelled instead.
        answers: the file with a system's answers; empty where the system is asked.
        k: how many hits count, where that can be chosen.
    """

    name: str
    measures: str
    purpose: str
    source: str
    truth: str = ""
    answers: str = ""
    k: int | None = None


PROTOCOLS: tuple[Protocol, ...] = (
    Protocol(
        "items",
        "top-1, recall@k, mAP, mAP@k, MAP@R, R-precision, F1 over top-10 votes, AUROC, TAR and DIR at FAR, OSCR",
        "labelled photos: which item is it, or is it new",
        "docs/evaluation.md has each definition",
    ),
    Protocol(
        "revisited",
        "mAP and mP@1, 5, 10; easy, medium, hard",
        "landmarks; compares with published retrieval figures",
        "Radenović et al., CVPR 2018",
        truth="gnd_roxford5k.pkl, gnd_rparis6k.pkl or JSON",
        answers="positions (database, query) as .npy, or JSON lists; or --gallery with the photos",
    ),
    Protocol(
        "landmark-retrieval",
        "mAP@100",
        "Google Landmarks v2 retrieval, or any set with a list of right images for each query",
        "Weyand et al., CVPR 2020",
        truth="CSV: id, images, perhaps Usage",
        answers="CSV: id, images (best first)",
        k=100,
    ),
    Protocol(
        "landmark-recognition",
        "GAP",
        "Google Landmarks v2 recognition: one answer a photo, many photos with none",
        "Weyand et al., CVPR 2020; Perronnin et al., CVPR 2009",
        truth="CSV: id, landmarks, perhaps Usage",
        answers="CSV: id, landmarks (as: label score)",
    ),
    Protocol(
        "copy-detection",
        "micro-AP, recall at 90 % precision",
        "is this photo made from one in the archive; one threshold for all",
        "Douze et al., arXiv:2106.09672 (DISC, ISC 2021)",
        truth="CSV: query_id, reference_id",
        answers="CSV: query_id, reference_id, score",
    ),
    Protocol(
        "triplets",
        "similarity precision, score at top K",
        "fine differences that people have judged",
        "Wang et al., CVPR 2014",
        truth="CSV: query, positive, negative",
        answers="CSV: query_id, reference_id, score, for each query and every image of the gallery",
        k=30,
    ),
)


def protocol_named(name: str) -> Protocol:
    """The protocol of a name.

    Raises:
        InvalidInputError: listing those there are.

    >>> protocol_named("triplets").k
    30
    """
    for protocol in PROTOCOLS:
        if protocol.name == name:
            return protocol
    raise InvalidInputError(f"no protocol is called {name!r}; there are {', '.join(one.name for one in PROTOCOLS)}")
