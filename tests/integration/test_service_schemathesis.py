"""Requests made from the API's own description, valid ones and invalid ones: never a 5xx, never a hang."""

import base64
import io
from contextlib import nullcontext, suppress

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from PIL import Image
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

EXAMPLES = 40
SECONDS = 30

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]


@pytest.fixture
def api(start_service):
    """The description of a service that holds a space already."""
    url = start_service(extractor="color_texture", batch_wait=0)
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "PNG")
    image = {"base64": base64.b64encode(buffer.getvalue()).decode(), "id": "red", "item": "red"}
    assert requests.post(f"{url}/v1/spaces/0/images", json={"images": [image]}, timeout=60).status_code == 200
    assert requests.get(f"{url}/v1/extractors", timeout=120).status_code == 200
    return schemathesis.openapi.from_url(f"{url}/openapi.json")


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.name.lower())
def test_no_request_breaks_the_service(api, mode):
    """Every operation, asked as it describes itself (positive) and otherwise (negative)."""
    operations = [found.ok() for found in api.get_all_operations()]
    assert len(operations) >= 14
    for operation in operations:
        ask_all(operation, mode)


def ask_all(operation, mode):
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.explicit, Phase.generate],
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        answer = case.call(timeout=SECONDS)
        case.validate_response(answer, checks=CHECKS)
        asked.append(case)

    asked = []
    # Nothing can be wrong about an operation that takes nothing.
    with suppress(Unsatisfiable) if mode is schemathesis.GenerationMode.NEGATIVE else nullcontext():
        ask()
    assert asked or not (operation.body or operation.path_parameters), "an operation with parameters was asked"
