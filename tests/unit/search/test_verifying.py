"""The say a verifier has in a decision: the rule case by case, then on real files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import InvalidInputError
from util.evaluation.calibration import calibrate
from util.records import Hit, ImageRecord, SearchResult, Verification
from util.search.identifying import decide, identify
from util.search.indexing import index_images
from util.search.verifying import verify_hits
from util.verification.base import Verifier

# Unknown items score up to 0.8, known ones from 0.5: unsure between, known from just above 0.8.
CALIBRATION = calibrate([0.5, 0.7, 0.9, 0.95], [0.1, 0.4, 0.8], far=0.0)


def result(**scores: float) -> SearchResult:
    ranked = sorted(scores.items(), key=lambda pair: -pair[1])
    return SearchResult(
        "q", tuple(f"{item}.jpg" for item, _ in ranked), np.array([s for _, s in ranked]),
        tuple({"item": item} for item, _ in ranked),
    )  # fmt: skip


def saying(**probabilities: float | None):
    """A verifier's answers by item, accepted from 0.5; ``None`` for a file that is gone."""

    def ask(hits):
        return [
            Verification(
                hit.item, hit.id, p, accepted=p is not None and p >= 0.5, problem="" if p is not None else "gone"
            )
            for hit in hits
            for p in [probabilities[hit.item]]
        ]

    return ask


def answer(scores: dict, probabilities: dict, **options):
    return decide([result(**scores)], calibration=CALIBRATION, ask=saying(**probabilities), **options)


@pytest.mark.parametrize(
    ("scores", "said", "expected"),
    [
        pytest.param({"milk": 0.9}, {"milk": 0.7}, ("known", "milk"), id="both say so"),
        pytest.param({"milk": 0.9}, {"milk": 0.2}, ("unsure", "milk"), id="known is contradicted"),
        pytest.param({"milk": 0.9, "cream": 0.85}, {"milk": 0.2, "cream": 0.6}, ("known", "cream"), id="the next"),
        pytest.param({"milk": 0.9, "cream": 0.85}, {"milk": 0.6, "cream": 0.9}, ("known", "cream"), id="more probable"),
        pytest.param({"milk": 0.9, "cream": 0.7}, {"milk": 0.6, "cream": 0.9}, ("known", "milk"), id="known first"),
        pytest.param({"milk": 0.9, "cream": 0.7}, {"milk": 0.2, "cream": 0.9}, ("unsure", "cream"), id="own score"),
        pytest.param({"milk": 0.9, "cream": 0.85}, {"milk": 0.2, "cream": 0.1}, ("unsure", "milk"), id="none of two"),
        pytest.param({"milk": 0.7}, {"milk": 0.9}, ("unsure", "milk"), id="no yes makes it known"),
        pytest.param({"milk": 0.7}, {"milk": 0.1}, ("new", None), id="unsure is settled"),
        pytest.param({"milk": 0.9, "oat": 0.9}, {"milk": 0.6, "oat": 0.9}, ("known", "oat"), id="a tie is settled"),
        pytest.param({"milk": 0.9, "oat": 0.9}, {"milk": 0.6, "oat": 0.6}, ("unsure", "milk"), id="a tie remains"),
        pytest.param({"milk": 0.9}, {"milk": None}, ("unsure", "milk"), id="file gone"),
        pytest.param({"milk": 0.7, "cream": 0.6}, {"milk": 0.1, "cream": None}, ("unsure", "cream"), id="not refuted"),
        pytest.param({"milk": 0.9, "cream": 0.85}, {"milk": None, "cream": 0.9}, ("unsure", "cream"), id="gone higher"),
        pytest.param({"milk": 0.9, "cream": 0.85}, {"milk": 0.9, "cream": None}, ("known", "milk"), id="gone lower"),
    ],
)  # fmt: skip
def test_the_rule(scores, said, expected):
    decision = answer(scores, said)
    assert (decision.decision, decision.item) == expected
    assert [one.probability for one in decision.evidence.verification] == list(said.values())


def test_nothing_is_asked_where_the_score_says_new():
    decision = answer({"milk": 0.3}, {})
    assert (decision.decision, decision.evidence.verification) == ("new", ())


def test_items_whose_score_says_new_are_not_asked():
    decision = answer({"milk": 0.9, "cream": 0.3}, {"milk": 0.1})
    assert [said.item for said in decision.evidence.verification] == ["milk"]


def test_an_item_nobody_asked_about_keeps_it_unsure():
    scores, said = {"milk": 0.7, "cream": 0.6}, {"milk": 0.1, "cream": 0.1}
    assert answer(scores, said, verify=1).decision == "unsure"
    assert answer(scores, said, verify=2).decision == "new"


def test_evidence_of_a_hit_that_was_overtaken():
    decision = answer({"milk": 0.9, "cream": 0.85}, {"milk": 0.2, "cream": 0.6})
    evidence = decision.evidence
    assert decision.score == pytest.approx(0.85)
    assert (evidence.hits[0].id, evidence.runner_up, round(evidence.runner_up_score, 6)) == ("cream.jpg", "milk", 0.9)
    assert "verified match 'cream'" in evidence.reason and "0.600" in evidence.reason


probabilities = st.one_of(st.none(), st.floats(0, 1))


@given(st.lists(st.tuples(st.floats(-1, 1, width=32), probabilities), min_size=1, max_size=6), st.integers(1, 6))
def test_known_needs_score_and_verifier(items, verify):
    scores = {f"item{i}": score for i, (score, _) in enumerate(items)}
    said = {f"item{i}": p for i, (_, p) in enumerate(items)}
    decision = answer(scores, said, verify=verify)
    if decision.decision == "known":
        assert scores[decision.item] >= CALIBRATION.threshold
        assert said[decision.item] >= 0.5
    if decision.decision == "new":
        assert max(scores.values()) < CALIBRATION.threshold
    alone = decide([result(**scores)], calibration=CALIBRATION)
    if alone.decision == "new":
        assert decision.decision == "new"


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=6, unique=True))
def test_a_verifier_that_accepts_everything_alike_changes_nothing(scores):
    named = {f"item{i}": score for i, score in enumerate(scores)}
    alone = decide([result(**named)], calibration=CALIBRATION)
    agreed = answer(named, dict.fromkeys(named, 0.75))
    assert (agreed.decision, agreed.item, agreed.score) == (alone.decision, alone.item, alone.score)


class SameBrightness(Verifier):
    """Probability 1 for equal mean values, falling by 0.01 a step."""

    name = "same_brightness"

    def probabilities(self, queries, candidates):
        asked, compared = ([image.mean() for image in images] for images in (queries, candidates))
        return np.clip(1 - 0.01 * np.abs(np.subtract.outer(asked, compared)), 0, 1).astype(np.float32)


def hit(path, item="grey", **metadata) -> Hit:
    metadata = {"item": item, "path": str(path)} | metadata
    return Hit(f"{item}.png", 0.9, item, metadata)


def test_probabilities_are_the_mean_over_the_photos(extraction, photo):
    queries = [photo("q1.png", (100, 100, 100)), str(photo("q2.png", (120, 120, 120)))]
    [said] = verify_hits(
        [hit(photo("g.png", (90, 90, 90)))], photos=queries, verifier=SameBrightness(), extraction=extraction
    )
    assert said.probability == pytest.approx((0.9 + 0.7) / 2)
    assert (said.item, said.image, said.accepted, said.problem) == ("grey", "grey.png", True, "")


def test_what_cannot_be_compared_says_why(extraction, photo, tmp_path):
    good, broken = photo("g.png", (90, 90, 90)), tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    hits = [
        hit(tmp_path / "gone.png", "gone"),
        hit(good, "good"),
        hit(broken, "broken"),
        hit(good, "changed", sha256="0" * 64),
        Hit("x", 0.9, "pathless", {"item": "pathless"}),
    ]
    said = verify_hits(
        hits, photos=[np.full((4, 4, 3), 90, np.uint8)], verifier=SameBrightness(), extraction=extraction
    )
    assert [one.probability for one in said] == [None, pytest.approx(1.0), None, None, None]
    assert str(tmp_path / "gone.png") in said[0].problem
    assert "has changed since it was indexed" in said[3].problem
    assert "does not say where its file is" in said[4].problem


def test_a_query_that_cannot_be_read_again_is_no_failure(extraction, photo, tmp_path):
    [said] = verify_hits(
        [hit(photo("g.png", (9, 9, 9)))], photos=[tmp_path / "gone.png"], verifier=SameBrightness(),
        extraction=extraction,
    )  # fmt: skip
    assert (said.probability, said.accepted) == (None, False)
    assert "read again" in said.problem


@pytest.fixture
def gallery(extraction, store, photo):
    """Two greys that the extractor (which sees hue alone) cannot tell apart, and a red."""
    shades = {"dark": (60, 60, 60), "light": (200, 200, 200), "red": (250, 10, 10)}
    records = [ImageRecord(f"{item}.png", str(photo(f"{item}.png", shade)), item) for item, shade in shades.items()]
    index_images(records, extraction=extraction, store=store)
    return store


def asked(gallery, extraction, queries, **options):
    return identify(queries, extraction=extraction, store=gallery, space="mean_colour", threshold=0.99, **options)


def test_identify_lets_a_verifier_choose_between_items_that_score_the_same(gallery, extraction, photo):
    query = str(photo("q.png", (205, 205, 205)))
    assert asked(gallery, extraction, [query]).decisions[0].decision == "unsure"
    [decision] = asked(gallery, extraction, [query], verifier=SameBrightness()).decisions
    assert (decision.decision, decision.item) == ("known", "light")
    assert {one.item: one.accepted for one in decision.evidence.verification} == {"light": True, "dark": False}


def test_identify_verifies_each_query_by_its_own_photo(gallery, extraction, photo):
    queries = [str(photo("q1.png", (55, 55, 55))), np.full((4, 4, 3), 205, np.uint8)]
    decisions = asked(gallery, extraction, queries, verifier=SameBrightness()).decisions
    assert [decision.item for decision in decisions] == ["dark", "light"]


def test_identify_goes_on_when_files_are_gone(gallery, extraction, photo):
    query = photo("q.png", (205, 205, 205))
    for item in ("dark", "light"):
        (query.parent / f"{item}.png").unlink()
    [decision] = asked(gallery, extraction, [str(query)], verifier=SameBrightness()).decisions
    assert decision.decision == "unsure"
    assert "could not be verified" in decision.evidence.reason


def test_asking_about_no_item_is_refused(gallery, extraction):
    with pytest.raises(InvalidInputError, match="at least 1 item, not 0"):
        asked(gallery, extraction, [], verifier=SameBrightness(), verify=0)
