"""The step function of a comparison, on photos of one colour, whose embeddings a person can work out."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from util.benchmark.comparing import System, combine, compare_systems
from util.benchmark.evaluating import evaluate_system
from util.errors import InvalidInputError, WeightsMissingError
from util.evaluation.comparison import PerQuery, against_first, most_divided
from util.records import ImageRecord


@pytest.fixture
def queries(photo) -> list[ImageRecord]:
    shots = (("a", (240, 20, 20), "red"), ("b", (20, 20, 240), "blue"), ("c", (90, 95, 100), "green"))
    return [ImageRecord(name, str(photo(f"queries/{name}.png", colour)), item) for name, colour, item in shots]


class Blind:
    """Loads the colour extractor, and one of another name that sees grey only; counts what each embeds."""

    def __init__(self, mean_colour):
        class GreyOnly(mean_colour):
            name = "grey_only"

            def embed(self, prepared):
                super().embed(prepared)
                level = np.array([image.mean() / 255 for image in prepared])
                return np.stack([level, np.sqrt(1 - level**2), 0 * level], axis=1).astype(np.float32)

        self.made = {"mean_colour": mean_colour(), "grey_only": GreyOnly()}

    def __call__(self, name, recipe):
        from util.search.extraction import Extraction

        if name not in self.made:
            raise WeightsMissingError(f"the weights of {name} are not here")
        return Extraction(self.made[name], batch_size=4, workers=2)

    def embedded(self, name):
        return sum(self.made[name].embedded)


@pytest.fixture
def load(mean_colour):
    return Blind(mean_colour)


def test_numbers_are_those_of_evaluating_each_system_alone(load, store, gallery, queries):
    made = compare_systems(
        combine(["mean_colour", "grey_only"], rerankers=[None, "alpha_qe:n=2"]),
        gallery, queries, store=store, load_extraction=load,
    )  # fmt: skip
    assert [system.name for system in made.systems] == [
        "mean_colour", "mean_colour, alpha_qe:n=2", "grey_only", "grey_only, alpha_qe:n=2",
    ]  # fmt: skip
    for system in (made.systems[0], made.systems[2]):
        alone = evaluate_system(
            queries, gallery=gallery, extraction=load(system.extractor, None), store=store, space=system.extractor
        ).evaluation
        assert system.evaluation.retrieval == alone.retrieval
        assert system.evaluation.decisions == alone.decisions
        assert system.evaluation.errors == alone.errors
    assert made.complete


def test_embeddings_are_shared_by_rerankers_and_indexes_and_kept_for_the_next_run(load, store, gallery, queries):
    systems = combine(["mean_colour"], indexes=["Flat", "HNSW8"], rerankers=[None, "alpha_qe:n=2"])
    compare_systems(systems, gallery, queries, store=store, load_extraction=load)
    timed = len(queries) + 1  # asked once more, one by one, to see how long that takes
    assert load.embedded("mean_colour") == len(gallery) + len(queries) + timed
    again = compare_systems(systems, gallery, queries, store=store, load_extraction=load)
    assert load.embedded("mean_colour") == len(gallery) + len(queries) + 2 * timed
    assert {system.cost.images_per_second for system in again.systems} == {None}
    assert [system.index for system in again.systems] == ["Flat", "Flat", "HNSW8", "HNSW8"]


def test_an_interrupted_run_goes_on_where_it_stopped(load, store, gallery, queries, monkeypatch):
    extractor = load.made["mean_colour"]
    whole, stopped = extractor.embed, []

    def embed(prepared):
        if load.embedded("mean_colour") >= 8 and not stopped:
            stopped.append(True)
            raise KeyboardInterrupt
        return whole(prepared)

    monkeypatch.setattr(extractor, "embed", embed)
    with pytest.raises(KeyboardInterrupt):
        compare_systems([System("mean_colour")], gallery, queries, store=store, load_extraction=load)
    (system,) = compare_systems([System("mean_colour")], gallery, queries, store=store, load_extraction=load).systems
    assert load.embedded("mean_colour") == len(gallery) + len(queries) + len(queries) + 1  # none of them twice
    assert system.evaluation.gallery.images == len(gallery)


def test_what_one_system_alone_gets_right_is_counted(load, store, gallery, queries):
    first, second = compare_systems(
        combine(["mean_colour", "grey_only"]), gallery, queries, store=store, load_extraction=load
    ).systems
    assert first.against_first is None
    both = [(first.per_query.found_first[query.id], second.per_query.found_first[query.id]) for query in queries]
    assert second.against_first.top1.only_first == both.count((1, 0))
    assert second.against_first.top1.only_second == both.count((0, 1))
    assert second.against_first.map.difference == pytest.approx(
        second.evaluation.retrieval.map - first.evaluation.retrieval.map
    )
    assert set(most_divided([first, second], 5)) == {
        query.id for query, (a, b) in zip(queries, both, strict=True) if a != b
    }
    with pytest.raises(InvalidInputError, match="same name"):
        against_first([first, first])


def test_of_equally_divided_queries_the_items_take_turns(load, store, gallery, queries):
    first, second = compare_systems(
        combine(["mean_colour", "grey_only"]), gallery, queries, store=store, load_extraction=load
    ).systems
    ids = sorted(query.id for query in queries)
    item = {query.id: query.item for query in queries}
    right, wrong = (
        replace(system, per_query=PerQuery(dict.fromkeys(ids, verdict), dict.fromkeys(ids, 0.0)))
        for system, verdict in ((first, 1.0), (second, 0.0))
    )
    shown = most_divided([right, wrong], len(ids))
    items = sorted(set(item.values()), key=lambda name: next(id_ for id_ in ids if item[id_] == name))
    assert [item[id_] for id_ in shown[: len(items)]] == items
    assert sorted(shown) == ids


def test_a_system_that_cannot_be_asked_is_listed(load, store, gallery, queries):
    made = compare_systems(
        combine(["heavy", "mean_colour"], rerankers=[None, "alpha_qe"]),
        gallery, queries, store=store, load_extraction=load,
    )  # fmt: skip
    assert [system.name for system in made.systems] == ["mean_colour", "mean_colour, alpha_qe"]
    assert [(failed.name, failed.code) for failed in made.failed_systems] == [
        ("heavy", "weights_missing"), ("heavy, alpha_qe", "weights_missing"),
    ]  # fmt: skip
    assert not made.complete
    with pytest.raises(WeightsMissingError):
        compare_systems([System("heavy")], gallery, queries, store=store, load_extraction=load)


def test_unreadable_images_take_no_part_and_are_listed_once(load, store, gallery, queries, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"x")
    made = compare_systems(
        combine(["mean_colour", "grey_only"]),
        [*gallery, ImageRecord("g", str(broken), "red")], [*queries, ImageRecord("q", str(broken), "red")],
        store=store, load_extraction=load,
    )  # fmt: skip
    assert [image.path for image in made.left_out] == [str(broken)]
    assert {system.evaluation.retrieval.n for system in made.systems} == {3}


def test_a_query_is_never_matched_with_itself(load, store, gallery, tmp_path):
    copy = tmp_path / "renamed.png"
    shutil.copy(gallery[0].path, copy)
    (system,) = compare_systems(
        [System("mean_colour", reranker="alpha_qe:n=1")], gallery, [ImageRecord("q", str(copy), "red")],
        store=store, load_extraction=load,
    ).systems  # fmt: skip
    assert system.evaluation.excluded.own_images == 1
    assert system.outcomes[0].hit in ("red1", "red2")


def test_re_rankers_are_told_categories_of_gallery_and_queries(load, store, gallery, queries):
    tone = {"red": "warm", "amber": "warm"}
    shown = [replace(one, metadata={"tone": tone.get(one.item, "cold")}) for one in gallery]
    asked = [replace(one, metadata={"tone": "warm"}) for one in queries]
    gates = ["category_gate:field=tone,given=warm,penalty=2", "category_gate:field=tone,oracle=true,penalty=2"]
    made = compare_systems(
        combine(["mean_colour"], rerankers=[None, *gates, "category_gate:field=scene"]),
        shown, asked, store=store, load_extraction=load,
    )  # fmt: skip
    plain, by_all, by_each = made.systems
    assert [outcome.hit[:-1] for outcome in plain.outcomes][1] == "blue"
    for system in (by_all, by_each):
        assert all(outcome.hit.startswith(("red", "amber")) for outcome in system.outcomes)
        assert system.cost.rerank is not None
    assert by_each.reranker.endswith("oracle=True")
    [unknown] = made.failed_systems
    assert unknown.name == "mean_colour, category_gate:field=scene"


def test_accuracy_by_strength_where_the_queries_say_it(load, store, gallery, queries):
    shots = [
        ImageRecord(f"{q.id}{s}", q.path, q.item, {"disturbance": "light" if s else "none", "strength": s})
        for q in queries for s in (0.0, 0.5)
    ]  # fmt: skip
    (system,) = compare_systems([System("mean_colour")], gallery, shots, store=store, load_extraction=load).systems
    (curve,) = system.robustness
    assert [(point.strength, point.n, point.accuracy) for point in curve.points] == [
        (0.0, 3, pytest.approx(2 / 3)), (0.5, 3, pytest.approx(2 / 3)),
    ]  # fmt: skip


def test_shots_of_one_photo_are_drawn_together(load, store, gallery, queries):
    shots = [
        ImageRecord(f"{q.id}{s}", q.path, q.item, {"disturbance": "light", "strength": s, "source": q.id})
        for q in queries
        for s in (0.2, 0.5, 1.0)
    ]
    systems = combine(["mean_colour", "grey_only"])
    for asked, test in ((queries, "mcnemar"), (shots, "bootstrap")):
        _, second = compare_systems(systems, gallery, asked, store=store, load_extraction=load).systems
        assert second.against_first.top1.test == test


def test_progress_never_goes_back_and_ends_at_its_total(load, store, gallery, queries):
    told = []
    compare_systems(
        combine(["mean_colour", "heavy"], rerankers=[None, "alpha_qe"]),
        gallery, queries, store=store, load_extraction=load, progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == sorted(told) and told[-1] == (2 * 18 + 4 * 3,) * 2
    assert len({total for _, total in told}) == 1


def test_what_cannot_be_compared(load, store, gallery, queries):
    for systems in ([], [System("mean_colour")] * 2):
        with pytest.raises(InvalidInputError, match="at least one system"):
            compare_systems(systems, gallery, queries, store=store, load_extraction=load)
