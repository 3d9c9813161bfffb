"""``nearid spaces index`` and indexes by name as a person or a program would ask for them."""

import json

import pytest


def answer(result: tuple[int, str, str], status: int = 0) -> dict:
    code, out, err = result
    assert code == status, err
    assert out.count("\n") == 1, "exactly one line of JSON"
    return json.loads(out)


@pytest.fixture
def indexed(nearid, catalogue) -> None:
    answer(nearid("index", catalogue / "gallery", "--index", "auto", "--json"))


def shown(nearid) -> dict:
    return answer(nearid("spaces", "info", "color_texture", "--json"))


def test_a_name_is_kept_as_it_was_written_and_can_be_changed(nearid, indexed, catalogue):
    assert shown(nearid)["index"] == "auto"
    query = catalogue / "queries" / "item3" / "4.jpg"
    before = answer(nearid("search", query, "--json"))
    made = answer(nearid("spaces", "index", "color_texture", "ivf:lists=16,pca=32", "--json"))
    assert (made["space"], made["index"], made["images"]) == ("color_texture", "ivf:lists=16,pca=32", 20)
    assert made["search_parameters"] is None
    assert made["seconds"] > 0
    assert shown(nearid)["index"] == "ivf:lists=16,pca=32"
    assert answer(nearid("search", query, "--json"))["results"] == before["results"]


def test_a_space_that_is_there_keeps_its_index_and_says_so(nearid, indexed, catalogue):
    code, out, err = nearid("index", catalogue / "gallery", "--index", "hnsw", "--json")
    assert (code, json.loads(out)["index"]) == (0, "auto")
    assert "keeps its search index auto: `nearid spaces index color_texture hnsw` changes it" in err
    for words in ((), ("--index", "auto")):
        assert "keeps" not in nearid("index", catalogue / "gallery", *words)[2]


def test_search_parameters_belong_to_the_index(nearid, indexed):
    answer(nearid("spaces", "index", "color_texture", "hnsw", "--search-parameters", "ef=64", "--json"))
    assert shown(nearid)["attributes"]["search_parameters"] == "ef=64"
    code, out, err = nearid("spaces", "index", "color_texture", "IVF16,Flat")
    assert (code, out.startswith("color_texture: 20 images, search index IVF16,Flat")) == (0, True), err
    assert "search_parameters" not in shown(nearid)["attributes"]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("color_texture", "nothing"), "there are flat, ivf"),
        (("color_texture", "hnsw:lists=3"), "takes no option 'lists'"),
        (("color_texture", "Nothing32"), "FAISS makes no index 'Nothing32'"),
        (("color_texture", "hnsw", "--search-parameters", "nprobe=3"), "it takes efSearch, proposals"),
        (("nowhere", "hnsw"), "no space named 'nowhere'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_changes_nothing(nearid, indexed, arguments, part):
    code, out, err = nearid("spaces", "index", *arguments)
    assert (code, out) == (2, "")
    assert part in err
    assert len(err.strip().splitlines()) == 1
    assert shown(nearid)["index"] == "auto"


def test_a_store_that_fixes_its_indexes_says_so(nearid, indexed, tmp_path):
    url = f"qdrant+local:{tmp_path / 'qdrant'}"
    answer(nearid("spaces", "copy", "color_texture", "--to", url, "--json"))
    code, _, err = nearid("spaces", "index", "color_texture", "hnsw", "--store", url)
    assert code == 2
    assert "qdrant+local fixes the index of a space when it is made" in err


def test_systems_are_compared_by_the_names_of_their_indexes(nearid, catalogue):
    made = answer(
        nearid(
            "compare", "--gallery", catalogue / "gallery", "--queries", catalogue / "queries",
            "--extractors", "color_texture", "--indexes", "flat;hnsw:m=8", "--json",
        )
    )  # fmt: skip
    assert [system["index"] for system in made["systems"]] == ["flat", "hnsw:m=8"]
    exact, approximate = (system["top1"] for system in made["systems"])
    assert exact == approximate, "so few images are searched exactly"
