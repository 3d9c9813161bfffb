"""The client against the running service: what the library itself would have answered, over HTTP."""

import subprocess
import sys

import numpy as np
import pytest

from util.errors import InvalidInputError, NotCalibratedError, SpaceExistsError, SpaceNotFoundError
from util.image_extract import load
from util.images import read_image
from util.records import ImageRecord
from util.service_client import NearIDClient, ServerPath, ServiceRefusedError
from util.vector_store.filters import Range

KEY = "0123456789abcdef"


@pytest.fixture
def photos(catalogue):
    return sorted(catalogue.glob("gallery/*/*.jpg"))


@pytest.fixture
def records(photos, catalogue):
    return [
        ImageRecord(path.relative_to(catalogue).as_posix(), str(path), path.parent.name, {"photo": int(path.stem)})
        for path in photos
    ]


@pytest.fixture
def client(start_service, catalogue):
    url = start_service(extractor="color_texture", api_key=KEY, image_roots=(catalogue,))
    with NearIDClient(url, api_key=KEY, batch_size=8, timeout=600) as made:
        yield made


def test_the_client_loads_neither_torch_nor_a_server():
    heavy = ("torch", "torchvision", "fastapi", "starlette", "uvicorn", "faiss", "qdrant_client", "cv2")
    program = f"import sys, util.service_client; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.strip()
    assert "torch" not in loaded
    assert "fastapi" not in loaded
    assert "faiss" not in loaded


def test_index_search_identify_delete(client, records, catalogue):
    done = client.index("shelf", records)
    assert (done.indexed, done.skipped, done.failed) == (20, 0, ())
    assert done.ids == tuple(record.id for record in records)
    again = client.index("shelf", records)
    assert (again.indexed, again.skipped) == (0, 20)

    queries = sorted(catalogue.glob("queries/*/*.jpg"))
    found = client.search("shelf", queries, k=3)
    assert [result.query for result in found.results] == [str(path) for path in queries]
    assert [result.hits[0].item for result in found.results] == [path.parent.name for path in queries]
    assert all(len(result) == 3 for result in found.results)
    exact = client.search("shelf", [records[0].path], k=1, where={"photo": Range(gte=0, lt=1), "item": ["item0"]})
    assert exact.results[0].ids == (records[0].id,)
    assert exact.results[0].scores[0] == pytest.approx(1.0, abs=1e-5)

    decided = client.identify("shelf", queries, threshold=0.5)
    assert [decision.item for decision in decided.decisions] == [path.parent.name for path in queries]
    assert {decision.decision for decision in decided.decisions} == {"known"}
    together = client.identify("shelf", queries[:2], threshold=0.5, one_item=True)
    assert [decision.evidence.photos for decision in together.decisions] == [2]
    new = client.identify("shelf", [queries[0]], threshold=1.0)
    assert new.decisions[0].decision == "new"

    assert client.delete("shelf", records[0].id)
    assert not client.delete("shelf", records[0].id)
    assert records[0].id not in client.search("shelf", [records[0].path], k=20).results[0].ids
    assert client.space("shelf").count == 19


def test_a_search_is_re_ranked_there_and_explained(client, photos, catalogue):
    client.index("shelf", [ImageRecord(str(path), str(path), path.parent.name) for path in photos])
    queries = sorted(catalogue.glob("queries/*/*.jpg"))[:3]
    plain = client.search("shelf", queries, k=4)
    ranked = client.search("shelf", queries, k=4, rerank="aqe:n=2+sift:top=2")
    assert all(not seen for seen in plain.evidence)
    assert [result.query for result in ranked.results] == [result.query for result in plain.results]
    assert [result.scores.tolist() for result in ranked.results] != [result.scores.tolist() for result in plain.results]
    for result, seen in zip(ranked.results, ranked.evidence, strict=True):
        assert seen.keys() == set(result.ids[:2])
        assert all(one["problem"] for one in seen.values()), "what came as an upload has no file to look at"
    with pytest.raises(InvalidInputError, match="takes no option 'm'"):
        client.search("shelf", queries, rerank="aqe:m=1")


def test_embeddings_are_those_of_the_library(client, photos):
    own = load("color_texture").extract([read_image(photo) for photo in photos])
    embedded = client.embed([*photos[:10], b"no image", *photos[10:]])
    assert embedded.extractor == "color_texture"
    assert embedded.fingerprint == load("color_texture").fingerprint
    assert embedded.positions == (*range(10), *range(11, 21))
    assert [failed.name for failed in embedded.failed] == ["query 11"]
    np.testing.assert_allclose(embedded.vectors, own, atol=1e-6)


def test_images_of_the_services_own_folders_and_bad_ones(client, records, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing more")
    done = client.index("shelf", [*records[:9], ImageRecord("broken", str(broken)), *records[9:]])
    assert done.indexed == 20
    assert [failed.name for failed in done.failed] == ["broken"]
    found = client.search("shelf", [ServerPath("gallery/item3/1.jpg"), ServerPath("../secret.jpg")], k=1)
    assert found.results[0].ids == ("gallery/item3/1.jpg",)
    assert [failed.name for failed in found.failed] == ["query 2"]


def test_spaces_and_extractors(client):
    made = client.create_space("empty", extractor="phash")
    assert (made.name, made.extractor, made.dimension, made.count) == ("empty", "phash", 64, 0)
    assert client.spaces() == [made]
    assert next(one for one in client.extractors() if one.name == "phash").weights == "none needed"
    with pytest.raises(SpaceExistsError):
        client.create_space("empty", extractor="phash")
    client.drop_space("empty")
    with pytest.raises(SpaceNotFoundError, match="empty"):
        client.space("empty")


def test_what_the_service_says_no_to(client, photos):
    with pytest.raises(SpaceNotFoundError, match="no space named 'none'"):
        client.search("none", [photos[0]])
    client.create_space("empty")
    with pytest.raises(NotCalibratedError):
        client.identify("empty", [photos[0]])
    with pytest.raises(InvalidInputError, match="k"):
        client.search("empty", [photos[0]], k=10**6)
    with NearIDClient(client.url, api_key="another key of it", retries=0) as stranger:
        with pytest.raises(ServiceRefusedError, match="API key is missing or wrong") as caught:
            stranger.spaces()
        assert caught.value.status == 401
        assert stranger.healthy()


def test_the_service_is_ready_when_its_extractor_is(client):
    client.embed([np.zeros((8, 8, 3), dtype=np.uint8)])
    assert client.healthy()
    assert client.ready()
