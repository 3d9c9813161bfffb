"""The API's description says what the service does."""

import pytest

from vearch_plugin.schemas.requests import EmbedOptions, IdentifyOptions, IndexForm, SearchOptions


@pytest.fixture
def document(client):
    return client.get("/openapi.json").json()


def ours(document):
    return {path: operations for path, operations in document["paths"].items() if path.startswith(("/v1", "/ready"))}


def test_every_reference_leads_somewhere(document):
    def references(value):
        if isinstance(value, dict):
            yield from ([value["$ref"]] if "$ref" in value else [])
            yield from (found for member in value.values() for found in references(member))
        elif isinstance(value, list):
            yield from (found for member in value for found in references(member))

    assert all(
        one.removeprefix("#/components/schemas/") in document["components"]["schemas"] for one in references(document)
    )


def test_every_route_says_what_its_errors_look_like(document):
    for path, operations in ours(document).items():
        for operation in operations.values():
            for status in ("4XX", "5XX"):
                content = operation["responses"][status]["content"]["application/json"]
                assert content["schema"]["$ref"].endswith("/ErrorBody"), path


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/v1/embeddings", EmbedOptions),
        ("/v1/spaces/{space}/search", SearchOptions),
        ("/v1/spaces/{space}/identify", IdentifyOptions),
        ("/v1/spaces/{space}/images", IndexForm),
    ],
)
def test_bodies_with_images_come_as_json_or_as_a_form(document, path, options):
    content = document["paths"][path]["post"]["requestBody"]["content"]
    assert content.keys() == {"application/json", "multipart/form-data"}
    form = content["multipart/form-data"]["schema"]
    assert form["properties"].keys() == {"image", *options.model_fields}


def test_the_key_is_described(document):
    assert document["components"]["securitySchemes"]["key"] == {"type": "apiKey", "in": "header", "name": "X-API-Key"}


def test_every_route_has_a_sentence_for_a_person(document):
    for operations in ours(document).values():
        for operation in operations.values():
            assert operation["description"].rstrip().endswith(".")
