"""docs/vearch.md says what is so."""

import json
import re
from pathlib import Path

from util.records import SpaceInfo
from util.vector_store.vearch.client import OLDEST
from util.vector_store.vearch.indexes import FLAT_UP_TO, PARAMETERS, plan_index
from util.vector_store.vearch.naming import CATALOGUE, vearch_name
from util.vector_store.vearch.remote_space import MOST_IDS
from util.vector_store.vearch.schema import SLOT, TERMS, TEXT_BYTES, TEXTS, VECTOR
from util.vector_store.vearch.terms import conditions, terms_of
from util.vector_store.vearch.writing import MOST_BYTES, MOST_DOCUMENTS

PAGE = (Path(__file__).parents[4] / "docs" / "vearch.md").read_text()


def test_every_index_and_every_parameter_of_it_is_there():
    rows = dict(re.findall(r"^\| (`[A-Z_`, ]+`) \|(.*)$", PAGE, flags=re.MULTILINE))
    told = {kind: row for kinds, row in rows.items() for kind in re.findall(r"\w+", kinds)}
    assert told.keys() == PARAMETERS.keys()
    assert all(f"`{name}`" in PAGE for parameters in PARAMETERS.values() for name in parameters)
    assert f"{FLAT_UP_TO:,} images a partition" in PAGE


def test_names_and_fields_are_the_real_ones():
    for name in ("bottles", "white-bottles"):
        assert f"`{name}` is `{vearch_name(name)}`" in PAGE
    assert all(f"`{name}`" in PAGE for name in (CATALOGUE, TEXTS[0], TEXTS[-1], TERMS, SLOT, VECTOR))


def test_the_words_of_the_example_are_the_real_ones():
    words = terms_of({"item": "milk", "year": 1999, "tags": ["red", "new"]})
    named = re.findall(r"`((?:item|year|tags)[=~][^`]*|\*)`", PAGE)
    assert named
    assert set(named) <= set(words)
    assert sum(word.startswith("year~") for word in words) == 11
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    assert [part["value"] for part in json.loads(example)["conditions"]] == conditions({"item": ["milk", "cream"]})


def test_the_limits_and_defaults_are_the_real_ones():
    assert f"{TEXT_BYTES * len(TEXTS):,} bytes" in PAGE
    assert f"at most {MOST_DOCUMENTS} images and\n{MOST_BYTES // 2**20} MB" in PAGE
    assert f"{MOST_IDS} images at a time" in PAGE
    assert f"Version {'.'.join(map(str, OLDEST))} or newer" in PAGE
    assert f"{plan_index(SpaceInfo('s', 'e', 2, 'f'), {}).expected:,}" in PAGE
