"""Searches whose hits are ordered anew: what may be asked, what is learned when, what is told."""

import threading
import time
from typing import ClassVar

import numpy as np
import pytest

from util.errors import InvalidInputError, StaleGalleryError
from util.records import SpaceInfo, unit_rows
from util.rerank import build_reranker
from util.rerank.k_reciprocal import KReciprocal
from util.search.similar import find_similar
from util.vector_store import open_store
from vearch_plugin.errors import DeadlineExceededError, SpaceTooLargeError, UnavailableError
from vearch_plugin.galleries import LearnedGalleries

DIMENSION = 8


@pytest.fixture
def ask(gallery, as_base64):
    def ask_(rerank, *colours, **options):
        images = [as_base64(colour) for colour in colours or ("#ff1000",)]
        return gallery.post("/v1/spaces/colours/search", json={"images": images, "rerank": rerank, **options})

    return ask_


@pytest.mark.parametrize(
    "text",
    [
        "aqe",
        "alpha_qe:n=2",
        "dba+k_reciprocal:k1=2,k2=2",
        "diffusion",
        "qge",
        "sift:top=2",
        "second_look:extractor=phash",
    ],
)
def test_the_service_answers_as_the_library_does(gallery, ask, png, text):
    from util.search.reranking import ReRanking

    service = gallery.app.state.service
    expected = find_similar(
        [png("#ff1000"), png("blue")],
        extraction=service.extraction_of(service.store.info("colours")),
        store=service.store,
        space="colours",
        k=2,
        reranking=ReRanking(build_reranker(text)),
    )
    answer = ask(text, "#ff1000", "blue", k=2)
    assert answer.status_code == 200, answer.text
    for told, result in zip(answer.json()["results"], expected.results, strict=True):
        assert [hit["id"] for hit in told["hits"]] == list(result.ids)
        assert [hit["score"] for hit in told["hits"]] == [round(float(score), 6) for score in result.scores]


@pytest.mark.parametrize("name", ["timm:resnet18", "alexnet", "no_such"])
def test_an_extractor_is_not_downloaded_for_a_stranger(ask, name):
    answer = ask(f"second_look:extractor={name}")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "extractor_unknown"


def test_problems_of_any_re_ranker_of_a_chain_are_told_in_other_words():
    from util.records import Hit
    from util.rerank._evidence import JoinedEvidence
    from util.rerank.local.evidence import MatchEvidence
    from util.rerank.second_look import SecondOpinion
    from vearch_plugin.schemas.answers import ExplainedImage

    hit = Hit("a", 0.5, None, {})
    joined = JoinedEvidence(
        SecondOpinion("phash", None, problem="/secret/a.png is gone"), MatchEvidence(problem="/secret/a.png is gone")
    )
    told = ExplainedImage.explained(hit, joined)
    assert "secret" not in told.model_dump_json()
    assert told.evidence["problem"] == told.evidence["second_look"]["problem"] != ""
    assert ExplainedImage.explained(hit, MatchEvidence()).evidence["problem"] == ""


def test_evidence_comes_with_the_hits_and_names_no_files(ask, gallery, png):
    store = gallery.app.state.service.store
    held = store.get("colours", ["shelf/red"])
    secret = {**held.metadata[0], "path": "/secret/red.png"}
    store.upsert("colours", ["shelf/red"], held.vectors, [secret], fingerprint=store.info("colours").fingerprint)
    answer = ask("sift:top=2", "red", k=3)
    hits = answer.json()["results"][0]["hits"]
    assert [("evidence" in hit) for hit in hits] == [True, True, False]
    assert all(hit["evidence"]["problem"].startswith("the photos could not be compared") for hit in hits[:2])
    assert "secret" not in answer.text
    assert "evidence" not in ask(None, "red").text


@pytest.mark.parametrize(
    ("rerank", "status", "code", "part"),
    [
        ("nonsense", 422, "invalid_fields", "'nonsense' may not be asked for here; allowed are: aqe, "),
        ("aqe+loftr", 422, "invalid_fields", "'loftr' may not be asked for"),
        ("aqe:m=1", 400, "invalid_input", "takes no option 'm'"),
        ("aqe:n=x", 400, "invalid_input", "n=x does not fit"),
        ("+", 400, "invalid_input", "cannot be read"),
        ("", 422, "invalid_fields", ""),
        ("aqe\n", 422, "invalid_fields", ""),
        ("a" * 501, 422, "invalid_fields", ""),
        (1, 422, "invalid_fields", ""),
        ("aqe+aqe+aqe+aqe+aqe", 422, "invalid_fields", "at most 4 re-rankers here, not 5"),
        ("k_reciprocal:k1=41", 422, "invalid_fields", "k_reciprocal takes k1 up to 40 here, not 41"),
        ("alpha_qe+diffusion:truncation=2001", 422, "invalid_fields", "truncation up to 2000 here"),
        ("sift:top=41", 422, "invalid_fields", "sift takes top up to 40 here"),
        ("aqe+category_gate:field=path", 422, "invalid_fields", "category_gate may not read the metadata field path"),
    ],
)
def test_what_may_not_be_asked(ask, rerank, status, code, part):
    answer = ask(rerank)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert part in answer.json()["error"]["message"]


def test_photos_of_one_request_are_counted(start, gallery_of, as_base64):
    client = gallery_of(start(batch_wait=0, max_rerank_photos=40))
    ask = {"rerank": "sift:top=20", "images": [as_base64("red"), as_base64("blue")]}
    assert client.post("/v1/spaces/colours/search", json=ask).status_code == 200
    ask["images"].append(as_base64("orange"))
    refused = client.post("/v1/spaces/colours/search", json=ask)
    assert refused.status_code == 422
    assert "look at 60 photos for 3 queries" in refused.json()["error"]["message"]


def test_who_runs_the_service_says_what_is_allowed(start, gallery_of, as_base64):
    client = gallery_of(start(batch_wait=0, service_rerank="aqe, sift"))
    for text, status in (("aqe", 200), ("alpha_qe", 422)):
        ask = {"rerank": text, "images": [as_base64("red")]}
        assert client.post("/v1/spaces/colours/search", json=ask).status_code == status
    with pytest.raises(InvalidInputError, match="allows typo, but there are alpha_qe"):
        start(service_rerank="typo")


def test_none_allows_none(start, gallery_of, as_base64):
    client = gallery_of(start(batch_wait=0, service_rerank="none"))
    refused = client.post("/v1/spaces/colours/search", json={"rerank": "aqe", "images": [as_base64("red")]})
    assert "allowed are: none" in refused.json()["error"]["message"]


def test_a_space_too_large_to_learn_is_refused_with_the_limit(start, gallery_of, as_base64):
    client = gallery_of(start(batch_wait=0, max_rerank_images=2))
    for text, status in (("k_reciprocal", 409), ("alpha_qe+dba", 409), ("alpha_qe", 200)):
        answer = client.post("/v1/spaces/colours/search", json={"rerank": text, "images": [as_base64("red")]})
        assert answer.status_code == status
        if status == 409:
            assert answer.json()["error"]["code"] == "space_too_large"
            assert "holds 3 images" in answer.json()["error"]["message"]
            assert "at most 2 here" in answer.json()["error"]["message"]


def test_an_image_that_comes_later_is_found_and_one_that_went_is_not(gallery, ask, as_base64):
    def ids(answer):
        assert answer.status_code == 200, answer.text
        return {hit["id"] for hit in answer.json()["results"][0]["hits"]}

    assert ids(ask("k_reciprocal")) == {"shelf/red", "shelf/orange", "shelf/blue"}
    gallery.post("/v1/spaces/colours/images", json={"images": [as_base64("#fe2000", id="late")]})
    assert ids(ask("k_reciprocal")) == {"shelf/red", "shelf/orange", "shelf/blue", "late"}
    gallery.delete("/v1/spaces/colours/images/shelf/red")
    assert ids(ask("k_reciprocal")) == {"shelf/orange", "shelf/blue", "late"}


# --- what is learned when ---------------------------------------------------------------------------------------------


class Counting(KReciprocal):
    """Counts how often it learns, and takes its time."""

    fits: ClassVar[list[str]]
    pause: ClassVar[float]
    entered: ClassVar[threading.Event]

    def fit(self, gallery):
        type(self).fits.append(gallery.digest)
        type(self).entered.set()
        time.sleep(type(self).pause)
        return super().fit(gallery)


@pytest.fixture
def counting():
    Counting.fits, Counting.pause, Counting.entered = [], 0.0, threading.Event()
    return Counting


@pytest.fixture
def store(tmp_path):
    with open_store(f"embedded:{tmp_path / 'learned.db'}") as opened:
        opened.create_space(SpaceInfo("shelf", "color_texture", DIMENSION, "f" * 64))
        put(opened, range(6))
        yield opened


def put(store, numbers):
    vectors = unit_rows(np.random.default_rng(0).normal(size=(100, DIMENSION)))[list(numbers)]
    store.upsert("shelf", [f"{n:02}" for n in numbers], vectors, [{}] * len(vectors), fingerprint="f" * 64)


@pytest.fixture
def gallery_of(as_base64):
    """Fills the space 'colours' of a service."""

    def fill(client):
        images = [as_base64(colour, id=colour) for colour in ("red", "orange", "blue")]
        assert client.post("/v1/spaces/colours/images", json={"images": images}).status_code == 200
        return client

    return fill


def soon(seconds=30.0):
    return time.monotonic() + seconds


def test_many_who_ask_at_once_learn_once(counting, store):
    counting.pause = 0.1
    galleries = LearnedGalleries(most_images=10)
    together, found = threading.Barrier(8), []

    def ask():
        together.wait()
        found.append(galleries.ready(counting(), store, "shelf", deadline=soon()))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counting.fits) == 1
    assert len({id(one.reranker) for one in found}) == len({id(one.gallery) for one in found}) == 1


def test_a_changed_space_is_learned_again_by_the_re_ranker_that_knew_it(counting, store):
    galleries = LearnedGalleries(most_images=10)
    first = galleries.ready(counting(), store, "shelf", deadline=soon())
    assert galleries.ready(counting(), store, "shelf", deadline=soon()) is first
    put(store, [7])
    second = galleries.ready(counting(), store, "shelf", deadline=soon())
    assert second.reranker is first.reranker
    assert len(second.gallery) == 7
    assert len(counting.fits) == 2


def test_who_cannot_wait_is_told_so_and_finds_it_done_later(counting, store):
    counting.pause = 1.0
    galleries = LearnedGalleries(most_images=10)
    learner = threading.Thread(target=lambda: galleries.ready(counting(), store, "shelf", deadline=soon()))
    learner.start()
    assert counting.entered.wait(30)
    with pytest.raises(DeadlineExceededError, match="still learning"):
        galleries.ready(counting(), store, "shelf", deadline=soon(0.05))
    # What is ready, or needs no gallery, waits for nobody.
    assert galleries.ready(build_reranker("aqe"), store, "shelf", deadline=soon(0.0)).gallery is None
    learner.join()
    assert len(galleries.ready(counting(), store, "shelf", deadline=soon(0.0)).gallery) == 6
    assert len(counting.fits) == 1


def test_the_limit_is_about_the_images_there_are(counting, store):
    galleries = LearnedGalleries(most_images=5)
    with pytest.raises(SpaceTooLargeError, match="holds 6 images"):
        galleries.ready(counting(), store, "shelf", deadline=soon())
    assert galleries.ready(build_reranker("aqe"), store, "shelf", deadline=soon()).gallery is None
    store.delete("shelf", ids=["00"])
    assert len(galleries.ready(counting(), store, "shelf", deadline=soon()).gallery) == 5


def test_a_store_that_cannot_tell_is_read_anew(counting, store, monkeypatch):
    monkeypatch.setattr(type(store), "revision", lambda self, space: None)
    galleries = LearnedGalleries(most_images=10)
    galleries.ready(counting(), store, "shelf", deadline=soon())
    put(store, [7])
    assert len(galleries.ready(counting(), store, "shelf", deadline=soon()).gallery) == 7


def test_a_space_that_never_rests_is_given_up(counting, store, monkeypatch):
    numbers = iter(range(1000))
    monkeypatch.setattr(type(store), "revision", lambda self, space: str(next(numbers)))
    with pytest.raises(UnavailableError, match="changes faster"):
        LearnedGalleries(most_images=10).ready(counting(), store, "shelf", deadline=soon())
    assert counting.fits == []


def test_what_was_asked_for_longest_ago_is_let_go(counting, store):
    galleries = LearnedGalleries(most_images=10)
    for k1 in (2, 3, 4, 5, 6, 6, 2):
        galleries.ready(counting(k1=k1), store, "shelf", deadline=soon())
    assert len(counting.fits) == 6


def test_re_rankers_that_learn_nothing_displace_none_that_did(counting, store):
    galleries = LearnedGalleries(most_images=10)
    first = galleries.ready(counting(), store, "shelf", deadline=soon())
    light = [galleries.ready(build_reranker(f"aqe:n={n}"), store, "shelf", deadline=soon()) for n in range(1, 10)]
    assert galleries.ready(counting(), store, "shelf", deadline=soon()) is first
    assert galleries.ready(build_reranker("aqe:n=9"), store, "shelf", deadline=soon()) is light[8]
    assert galleries.ready(build_reranker("aqe:n=1"), store, "shelf", deadline=soon()) is not light[0]


def test_images_that_come_between_are_searched_for_again(gallery, ask):
    service = gallery.app.state.service
    tried = []

    def search(reranking):
        tried.append(reranking.gallery)
        if len(tried) == 1:
            raise StaleGalleryError("shelf/new was found")
        return "answer"

    asked = {"rerank": "dba", "queries": 1, "store": service.store, "space": "colours"}
    assert service.reranked(search, **asked) == "answer"
    assert len(tried) == 2


def test_a_space_that_never_rests_is_answered_for_as_it_was(gallery, ask, png, as_base64):
    service = gallery.app.state.service
    newcomers = iter(range(100))

    def search(reranking):
        # Between learning and searching comes the image that is most like the query.
        image = as_base64("#ff1000", id=f"late/{next(newcomers)}")
        assert gallery.post("/v1/spaces/colours/images", json={"images": [image]}).status_code == 200
        return find_similar(
            [png("#ff1000")],
            extraction=service.extraction_of(service.store.info("colours")),
            store=service.store,
            space="colours",
            k=10,
            reranking=reranking,
        )

    found = service.reranked(search, rerank="dba+sift", queries=1, store=service.store, space="colours")
    learned = {"shelf/red", "shelf/orange", "shelf/blue", "late/0", "late/1"}
    assert set(found.results[0].ids) == learned, "late/2 came after the last learning"
    warmth = {hit.id: hit.metadata.get("warmth") for hit in found.results[0]}
    assert (warmth["shelf/red"], warmth["shelf/orange"], warmth["shelf/blue"]) == (2, 1, 0), "metadata stay with hits"
