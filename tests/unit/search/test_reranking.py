import numpy as np
import pytest

from util.errors import ImageError, InvalidInputError, StaleGalleryError
from util.records import ImageRecord, unit_rows
from util.rerank import build_reranker
from util.rerank.base import Gallery, ReRanker
from util.search.indexing import index_images
from util.search.reranking import ReRanking, StoredPhotos, read_gallery, rerank
from util.search.similar import find_similar

COLOURS = {
    "red": (255, 0, 0),
    "scarlet": (255, 40, 0),
    "orange": (255, 128, 0),
    "pink": (255, 90, 120),
    "blue": (0, 0, 255),
}


@pytest.fixture
def gallery(extraction, store, photo):
    records = [
        ImageRecord(name, str(photo(f"{name}.png", colour)), name, {"warm": name != "blue"})
        for name, colour in COLOURS.items()
    ]
    index_images(records, extraction=extraction, store=store)
    return store


@pytest.fixture
def ask(gallery, extraction, photo):
    """Asks with a photo of one colour."""

    def ask_(*colours, **options):
        queries = [str(photo(f"q{number}.png", colour)) for number, colour in enumerate(colours)]
        return find_similar(queries, extraction=extraction, store=gallery, space="mean_colour", **options)

    return ask_


def ranking(text: str) -> ReRanking:
    return ReRanking(build_reranker(text))


class WithPhotos(ReRanker):
    """Asks for the photos, and puts the reddest one last."""

    name = "with_photos"

    @property
    def needs_pictures(self):
        return True

    def __call__(self, queries):
        from util.rerank._ordering import rescored

        results = []
        for number, result in enumerate(queries.results):
            assert queries.pictures.query(number).read().shape == (8, 8, 3)
            red = [-float(queries.pictures.hit(id_).read()[0, 0, 0]) for id_ in result.ids]
            results.append(rescored(result, red))
        return queries.replace(results=tuple(results))


def test_expansion_moves_the_query_as_worked_out_by_hand(ask):
    found = ask((255, 10, 0), k=5, reranking=ranking("aqe:n=1"))
    query, rows = unit_rows([[255.0, 10, 0]])[0], unit_rows([list(map(float, c)) for c in COLOURS.values()])
    moved = unit_rows((query + rows[0])[None])[0]  # its first hit is red
    expected = dict(zip(COLOURS, rows @ moved, strict=True))
    assert found.results[0].ids == tuple(sorted(COLOURS, key=lambda name: -expected[name]))
    np.testing.assert_allclose(found.results[0].scores, sorted(expected.values(), reverse=True), atol=1e-6)
    assert found.results[0].hits[0].item == found.results[0].ids[0]


def test_the_search_is_deeper_than_what_is_shown(ask):
    deep, shallow = (ask((250, 60, 30), k=k, reranking=ranking("alpha_qe:n=3")).results[0] for k in (5, 1))
    assert shallow.ids == deep.ids[:1]
    assert shallow.scores[0] == deep.scores[0]


@pytest.mark.parametrize(
    "text",
    [
        "diffusion:neighbours=1,start=1",
        "k_reciprocal",
        "dba+alpha_qe:n=2",
        "aqe_concat",
        "qge:n=1,neighbours=1,start=1",
    ],
)
def test_re_rankers_of_the_gallery_are_given_it(ask, text):
    found = ask((250, 60, 30), (0, 10, 250), k=5, reranking=ranking(text))
    assert [sorted(result.ids) for result in found.results] == [sorted(COLOURS)] * 2
    assert found.results[1].ids[0] == "blue"


def test_a_gallery_that_was_read_before_gives_the_same_answer(ask, gallery):
    kept = ReRanking(build_reranker("dba"), read_gallery(gallery, "mean_colour"))
    assert (
        ask((250, 60, 30), reranking=kept).results[0].ids == ask((250, 60, 30), reranking=ranking("dba")).results[0].ids
    )
    assert kept.gallery.ids == tuple(sorted(COLOURS))


def test_filters_and_smallest_scores_apply_before(ask):
    found = ask((250, 60, 30), k=5, reranking=ranking("dba"), where={"warm": True}, min_score=0.97)
    assert set(found.results[0].ids) < set(COLOURS) - {"blue"}
    assert ask((250, 60, 30), k=5, where={"warm": True}, min_score=0.97).results[0].ids[0] in found.results[0].ids


def test_photos_are_read_from_where_they_were_indexed(ask):
    found = ask((255, 10, 0), k=5, reranking=ReRanking(WithPhotos()))
    assert found.results[0].ids[0] == "blue"


def test_photos_that_are_gone_are_named(gallery, extraction, photo):
    photos = StoredPhotos([], extraction, gallery, "mean_colour")
    photo("red.png", (255, 0, 0)).unlink()
    with pytest.raises(ImageError, match=r"red\.png"):
        photos.hit("red")
    with pytest.raises(ImageError, match="indexed from no file"):
        photos.hit("never indexed")


def test_the_same_photo_has_the_same_key_and_another_one_another(gallery, extraction, photo):
    pixels = np.full((8, 8, 3), (255, 0, 0), dtype=np.uint8)
    path = photo("red.png", (255, 0, 0))
    photos = StoredPhotos([path, path.read_bytes(), pixels, pixels[:4]], extraction, gallery, "mean_colour")
    keys = [photos.query(number).key for number in range(4)]
    assert keys[0] == keys[1] == photos.hit("red").key
    assert len(set(keys)) == 3
    np.testing.assert_array_equal(photos.query(1).read(), photos.query(2).read())


def test_says_what_it_cost(gallery, extraction):
    vectors = unit_rows([[1.0, 0.1, 0.0]])
    fingerprint = extraction.extractor.fingerprint
    results = gallery.search("mean_colour", vectors, 5, fingerprint=fingerprint)
    made = rerank(results, vectors, reranking=ranking("k_reciprocal"), store=gallery, space="mean_colour")
    assert made.fit_seconds > 0
    assert made.seconds > 0
    assert len(made.evidence) == 1


def test_no_query_that_can_be_read_is_no_error(ask, gallery, extraction):
    found = find_similar(
        ["missing.png"], extraction=extraction, store=gallery, space="mean_colour", reranking=ranking("dba")
    )
    assert found.results == ()
    assert len(found.failed) == 1


def test_without_photos_a_re_ranker_of_photos_says_so(gallery, extraction):
    vectors = unit_rows([[1.0, 0.1, 0.0]])
    results = gallery.search("mean_colour", vectors, 5, fingerprint=extraction.extractor.fingerprint)
    with pytest.raises(InvalidInputError, match="photos"):
        rerank(results, vectors, reranking=ranking("sift"), store=gallery, space="mean_colour")


def test_metadata_come_with_the_hits_for_a_re_ranker_that_reads_them(ask):
    gate = "category_gate:field=warm,given=false,penalty=2"
    found = ask((250, 60, 30), k=5, reranking=ranking(gate))
    assert found.results[0].ids[0] == "blue"
    assert found.results[0].hits[1].score == pytest.approx(ask((250, 60, 30), k=1).results[0].scores[0] - 2, abs=1e-6)
    assert found.evidence[0]["blue"].to_json()["category_gate"]["category"] == "false"
    assert set(found.evidence[0]) == set(COLOURS)


def test_metadata_come_with_the_whole_gallery_where_that_is_read(ask, gallery):
    chain = "dba:n=1+category_gate:field=warm,given=false,penalty=3"
    assert ask((250, 60, 30), k=5, reranking=ranking(chain)).results[0].ids[0] == "blue"
    kept = ReRanking(build_reranker(chain), read_gallery(gallery, "mean_colour", with_metadata=True))
    assert ask((250, 60, 30), k=5, reranking=kept).results[0].ids[0] == "blue"
    bare = ReRanking(build_reranker(chain), read_gallery(gallery, "mean_colour"))
    with pytest.raises(InvalidInputError, match="its gallery has to bring the metadata"):
        ask((250, 60, 30), k=5, reranking=bare)


def test_a_field_that_no_image_has_is_one_error_naming_those_there_are(ask):
    with pytest.raises(InvalidInputError, match="'scene', which no image .* has: there are item, path, sha256, warm"):
        ask((250, 60, 30), k=2, reranking=ranking("category_gate:field=scene"))


def test_a_field_that_only_these_hits_lack_changes_nothing(ask, gallery, extraction, photo):
    index_images(
        [ImageRecord("lawn", str(photo("lawn.png", (0, 255, 0))), "lawn", {"scene": "garden"})],
        extraction=extraction,
        store=gallery,
    )
    # Metadata that are read are those of the hits: none of the warm ones has a scene.
    found, plain = (
        ask((250, 60, 30), k=5, where={"warm": True}, reranking=how)
        for how in (ranking("category_gate:field=scene"), None)
    )
    assert found.results[0].ids == plain.results[0].ids
    np.testing.assert_array_equal(found.results[0].scores, plain.results[0].scores)
    assert dict(found.evidence[0]) == {}


def test_no_hits_are_no_unknown_field(ask):
    found = ask((250, 60, 30), where={"warm": "unheard of"}, reranking=ranking("category_gate:field=scene"))
    assert found.results[0].ids == ()


def test_a_search_has_no_records_for_the_oracle(ask):
    with pytest.raises(InvalidInputError, match="only an evaluation has"):
        ask((250, 60, 30), reranking=ranking("category_gate:field=warm,oracle=true"))


def test_a_hit_that_the_gallery_given_lacks_says_that_the_space_changed(gallery, ask):
    held = read_gallery(gallery, "mean_colour")
    outrun = Gallery(held.ids[1:], held.vectors[1:], held.fingerprint)
    with pytest.raises(StaleGalleryError, match=f"has changed: '{held.ids[0]}' was found"):
        ask("red", reranking=ReRanking(build_reranker("dba"), outrun))
