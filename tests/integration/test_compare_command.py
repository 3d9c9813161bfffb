"""``nearid compare``: several systems, one table, one report."""

import json
import shutil

import pytest


def answer(result, status=0):
    code, out, err = result
    assert code == status, err
    assert out.count("\n") == 1
    return json.loads(out)


@pytest.fixture
def words(catalogue):
    return ("compare", "--gallery", catalogue / "gallery", "--queries", catalogue / "queries")


def test_systems_are_held_against_the_first(nearid, words, catalogue):
    options = ("--extractors", "color_texture,phash", "--rerank", "alpha_qe:n=2,alpha=2", "--json")
    made = answer(nearid(*words, *options))
    names = [system["name"] for system in made["systems"]]
    assert names == [
        "color_texture", "color_texture, alpha_qe:n=2,alpha=2", "phash", "phash, alpha_qe:n=2,alpha=2",
    ]  # fmt: skip
    first, *others = made["systems"]
    assert first["against_first"] is None and first["reranker"] is None
    for system in others:
        against = system["against_first"]["top1"]
        assert against["difference"] == pytest.approx(system["top1"] - first["top1"])
        assert against["ci95"][0] <= against["difference"] <= against["ci95"][1]
        assert 0 < against["p"] <= system["against_first"]["top1"]["p_holm"] <= 1
        assert system["cost"]["ms_per_query"] > 0
    assert [system["cost"]["bytes_per_vector"] for system in made["systems"]] == [6656, 6656, 256, 256]
    alone = answer(
        nearid("evaluate", *words[1:], "--extractor", "color_texture", "--rerank", "alpha_qe:n=2,alpha=2", "--json")
    )
    for number in ("n", "top1", "map", "recall", "open_set", "decisions", "calibration"):
        assert made["systems"][1][number] == alone[number], number


def test_a_disturbed_gallery_is_asked_and_reported(nearid, catalogue, tmp_path):
    options = ("--disturb", "light,blur", "--strengths", "0.3,1", "--out", tmp_path / "out", "--json")
    made = answer(nearid("compare", "--gallery", catalogue / "queries", "--extractors", "phash,orb", *options))
    for system in made["systems"]:
        assert system["n"] == 10 * 5
        assert [curve["disturbance"] for curve in system["robustness"]] == ["blur", "light"]
        assert [point["strength"] for point in system["robustness"][0]["points"]] == [0, 0.3, 1]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "nearid compare --gallery" in page and page.count("<svg") == 3
    written = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert written["systems"] == made["systems"]


def test_a_system_without_weights_is_listed_and_the_others_go_on(nearid, words, tmp_path, monkeypatch):
    from config.settings import load_settings

    monkeypatch.setenv("NEARID_MODELS_DIR", str(tmp_path / "models"))
    shutil.copytree("models", tmp_path / "models", ignore=shutil.ignore_patterns("*.safetensors"))
    load_settings.cache_clear()
    made = answer(nearid(*words, "--extractors", "grocery,phash", "--json"), status=3)
    assert [system["name"] for system in made["systems"]] == ["phash"]
    (failed,) = made["failed_systems"]
    assert failed["name"] == "grocery" and failed["code"] == "weights_missing"


def test_what_an_earlier_run_embedded_is_not_embedded_again(nearid, words, tmp_path):
    options = (*words, "--extractors", "phash", "--store", f"embedded:{tmp_path / 'kept.db'}", "--json")
    (before,), (after,) = (answer(nearid(*options))["systems"] for _ in range(2))
    assert before["cost"]["images_per_second"] > 0
    assert after["cost"]["images_per_second"] is None
    assert after["map"] == before["map"]


def test_people_get_a_table(nearid, words):
    status, out, _ = nearid(*words, "--extractors", "phash", "--indexes", "Flat;HNSW16")
    assert status == 0
    assert [line.split("  ")[0].strip() for line in out.splitlines()] == ["system", "phash", "phash, HNSW16"]


def test_recipes_are_compared(nearid, words):
    options = ("--extractors", "phash", "--recipes", "square,resize=64;crop,square,resize=32", "--json")
    systems = answer(nearid(*words, *options))["systems"]
    assert [system["recipe"] for system in systems] == ["square, resize=64", "crop=10, square, resize=32"]
    assert [system["name"] for system in systems] == [f"phash ({system['recipe']})" for system in systems]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--extractors", "phash,colour_texture"), "no extractor is called 'colour_texture'"),
        (("--extractors", ","), "--extractors names extractors"),
        (("--extractors", "phash", "--rerank", "alpha"), "no re-ranker is called 'alpha'"),
        (("--extractors", "phash", "--recipes", "wash"), "wash"),
        (("--extractors", "phash", "--disturb", "fog"), "there are light, temperature"),
        (("--extractors", "phash", "--disturb", "light", "--strengths", "much"), "--strengths are numbers"),
    ],
)
def test_what_no_program_understands_is_said_in_one_line(nearid, words, options, message):
    status, out, err = nearid(*words, *options)
    assert (status, out) == (2, "")
    assert message in err and err.count("\n") == 1


def test_there_must_be_something_to_ask(nearid, catalogue):
    status, _, err = nearid("compare", "--extractors", "phash", "--gallery", catalogue / "gallery")
    assert status == 2 and "--queries PATH" in err
