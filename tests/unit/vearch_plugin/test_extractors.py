import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from util.errors import ExtractorUnavailableError, FingerprintMismatchError, UnknownExtractorError
from util.image_extract import load
from util.search.indexing import space_for
from vearch_plugin.batching import Batcher
from vearch_plugin.errors import UnavailableError
from vearch_plugin.extractors import LoadedExtractors


@pytest.fixture
def made():
    return []


@pytest.fixture
def extractors(made):
    def behind_a_queue(extractor):
        made.append(extractor.name)
        return Batcher(extractor, batch_size=8, wait=0, capacity=8)

    loaded = LoadedExtractors(models_dir=Path("nowhere"), device="cpu", most=2, batcher=behind_a_queue)
    yield loaded
    loaded.close()


def test_an_extractor_is_loaded_once_however_many_ask(extractors, made):
    together = threading.Barrier(8)

    def ask(_):
        together.wait()
        return extractors.named("phash")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(map(id, pool.map(ask, range(8))))) == 1
    assert made == ["phash"]
    assert extractors.has("phash")
    assert not extractors.has("color_texture")


def test_a_space_shares_the_extractor_it_was_made_with(extractors, made):
    batcher = extractors.named("phash")
    assert extractors.of_space(space_for(load("phash"))) is batcher
    assert extractors.chosen("phash") is batcher
    other = extractors.of_space(space_for(load("phash", recipe="square, resize=32")))
    assert other is not batcher
    assert made == ["phash", "phash"]


def test_a_space_made_with_other_weights_is_refused(extractors):
    space = space_for(load("phash", recipe="square, resize=32"), "s")
    with pytest.raises(FingerprintMismatchError):
        extractors.of_space(replace(space, recipe="resize=32"))


def test_requests_cannot_have_weights_downloaded_but_who_runs_the_service_can(extractors):
    for name in ("alexnet", "timm:resnet18", "nobody", "../x", ""):
        with pytest.raises(UnknownExtractorError):
            extractors.named(name)
    with pytest.raises((ExtractorUnavailableError, UnknownExtractorError)):
        extractors.chosen("timm:no_such_model")


def test_no_more_are_loaded_than_may_be(extractors):
    extractors.named("phash")
    extractors.named("color_texture")
    with pytest.raises(UnavailableError):
        extractors.named("orb")
    extractors.named("phash")
