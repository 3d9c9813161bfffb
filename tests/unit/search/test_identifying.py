import numpy as np
import pytest

from util.errors import InvalidInputError, NotCalibratedError
from util.records import ImageRecord, SearchResult
from util.search.calibrating import calibrate_on_queries, calibrate_space, calibration_of
from util.search.identifying import decide, identify
from util.search.indexing import index_images


def result(*pairs: tuple[str, str | None, float], query="q") -> SearchResult:
    return SearchResult(
        query,
        tuple(id_ for id_, _, _ in pairs),
        np.array([score for _, _, score in pairs]),
        tuple({} if item is None else {"item": item} for _, item, _ in pairs),
    )


def test_a_score_at_the_threshold_is_known_and_below_it_new():
    found = result(("a", "milk", 0.5), ("b", "cream", 0.25))
    assert decide([found], threshold=0.5).decision == "known"
    assert decide([found], threshold=0.5).item == "milk"
    below = decide([found], threshold=0.51)
    assert (below.decision, below.item, below.score) == ("new", None, 0.5)


def test_evidence_names_the_hits_of_the_item_and_the_runner_up():
    found = result(("a", "milk", 0.9), ("b", "cream", 0.8), ("c", "milk", 0.7))
    evidence = decide([found], threshold=0.5).evidence
    assert [hit.id for hit in evidence.hits] == ["a", "c"]
    assert (evidence.runner_up, round(evidence.runner_up_score, 6)) == ("cream", 0.8)
    assert "milk" in evidence.reason and "cream" in evidence.reason


def test_two_items_with_the_same_score_leave_it_unsure():
    found = result(("a", "milk", 0.75), ("b", "cream", 0.75))
    decision = decide([found], threshold=0.5)
    assert decision.decision == "unsure"
    assert "the same" in decision.evidence.reason


def test_unlabelled_images_are_items_of_their_own():
    assert decide([result(("a.jpg", None, 0.9))], threshold=0.5).item == "a.jpg"


def test_an_empty_space_knows_nothing():
    decision = decide([result()], threshold=0.5)
    assert (decision.decision, decision.score, decision.evidence.hits) == ("new", None, ())


def test_several_photos_of_one_item_are_averaged():
    first = result(("a", "milk", 0.9), ("b", "cream", 0.5), query="1")
    second = result(("b", "cream", 0.75), ("a", "milk", 0.25), query="2")
    decision = decide([first, second], threshold=0.5)
    # milk: (0.9 + 0.25) / 2, cream: (0.5 + 0.75) / 2
    assert decision.item == "cream"
    assert decision.score == pytest.approx(0.625)
    assert decision.evidence.photos == 2
    assert decision.query == "1, 2"


def test_a_photo_that_misses_the_item_counts_with_its_last_hit():
    first = result(("a", "milk", 0.9), query="1")
    second = result(("b", "cream", 0.75), ("c", "cream", 0.25), query="2")
    decision = decide([first, second], threshold=0.5)
    assert decision.item == "cream"  # (0.9 + 0.75) / 2 against (0.9 + 0.25) / 2
    assert decision.score == pytest.approx(0.825)


@pytest.mark.parametrize(
    ("results", "options", "message"),
    [
        ([], {"threshold": 0.5}, "at least one photo"),
        ([result()], {}, "either a threshold or a calibration"),
    ],
)
def test_what_cannot_be_decided(results, options, message):
    with pytest.raises(InvalidInputError, match=message):
        decide(results, **options)


@pytest.fixture
def gallery(extraction, store, photo):
    """Five items of clearly different colours, four photos each that differ a little."""
    colours = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250), "grey": (99, 99, 99)}
    colours["amber"] = (250, 160, 10)
    records = [
        ImageRecord(f"{item}{i}.png", str(photo(f"{item}{i}.png", (r + i, g + i, max(b - i, 0)))), item)
        for item, (r, g, b) in colours.items()
        for i in range(4)
    ]
    index_images(records, extraction=extraction, store=store)
    return store


def test_a_known_and_a_new_colour_are_told_apart_by_the_gallery_alone(gallery, extraction, photo):
    queries = [photo("q1.png", (245, 20, 15)), photo("q2.png", (250, 10, 250))]
    found = identify([str(q) for q in queries], extraction=extraction, store=gallery, space="mean_colour")
    assert [decision.decision for decision in found.decisions] == ["known", "new"]
    assert found.decisions[0].item == "red"
    assert found.decisions[0].evidence.false_accept_rate <= 0.01


def test_the_calibration_stays_with_the_space_until_the_gallery_changes(gallery, extraction, photo):
    made = calibrate_space(gallery, "mean_colour", false_accept_rate=0.1)
    assert calibration_of(gallery, gallery.info("mean_colour")).to_json() == made.to_json()
    new = ImageRecord("violet.png", str(photo("violet.png", (160, 10, 250))), "violet")
    index_images([new], extraction=extraction, store=gallery)
    kept = gallery.info("mean_colour").attributes["calibration"]
    assert "calibration" not in kept
    again = calibration_of(gallery, gallery.info("mean_colour"))
    assert again.far == 0.1  # the rate asked for survives
    assert again.threshold > made.threshold  # violet is close to blue


def test_calibration_scores_equal_a_naive_computation(gallery):
    made = calibrate_space(gallery, "mean_colour", false_accept_rate=0.25)
    batch = next(iter(gallery.iterate("mean_colour")))
    items = [metadata["item"] for metadata in batch.metadata]
    impostors = []
    for i in range(len(items)):
        impostors.append(max(float(batch.vectors[i] @ batch.vectors[j]) for j in range(20) if items[j] != items[i]))
    assert made.n_impostors == 20
    assert made.n_known == 20
    assert np.mean(np.array(impostors) >= made.threshold) <= 0.25


def test_calibrating_on_queries_of_ones_own(gallery, extraction, photo):
    queries = [
        ImageRecord("k", str(photo("k.png", (240, 30, 30))), "red"),
        ImageRecord("u", str(photo("u.png", (200, 10, 200))), "pink"),
    ]
    made, failures = calibrate_on_queries(gallery, "mean_colour", queries, extraction=extraction, false_accept_rate=0.5)
    assert failures == []
    assert (made.n_known, made.n_impostors) == (1, 2)


def test_one_item_cannot_be_calibrated(extraction, store, photo):
    index_images([ImageRecord("a", str(photo("a.png", (1, 2, 3))), "x")], extraction=extraction, store=store)
    with pytest.raises(NotCalibratedError, match="two are needed"):
        identify([str(photo("q.png", (1, 2, 3)))], extraction=extraction, store=store, space="mean_colour")
    found = identify(
        [str(photo("q.png", (1, 2, 3)))], extraction=extraction, store=store, space="mean_colour", threshold=0.9
    )
    assert found.decisions[0].item == "x"


def test_one_decision_for_all_photos_of_one_item(gallery, extraction, photo):
    queries = [str(photo("q1.png", (245, 20, 15))), str(photo("q2.png", (240, 15, 15)))]
    found = identify(queries, extraction=extraction, store=gallery, space="mean_colour", one_item=True)
    assert len(found.decisions) == 1
    assert found.decisions[0].evidence.photos == 2


def test_a_filter_restricts_what_can_be_the_answer(gallery, extraction, photo):
    query = str(photo("q.png", (250, 10, 10)))
    found = identify(
        [query], extraction=extraction, store=gallery, space="mean_colour", where={"item": "blue"}, threshold=-1.0
    )
    assert found.decisions[0].item == "blue"
