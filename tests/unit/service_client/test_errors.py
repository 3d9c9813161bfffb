"""The service's errors become the library's own."""

import pickle

import pytest

from util.errors import (
    DimensionMismatchError,
    FingerprintMismatchError,
    InvalidInputError,
    NearIdError,
    NotCalibratedError,
    SpaceExistsError,
    SpaceNotFoundError,
    StoreUnavailableError,
    UnknownExtractorError,
)
from util.service_client.errors import ServiceRefusedError, ServiceUnreachableError, error_of


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_input", InvalidInputError),
        ("invalid_fields", InvalidInputError),
        ("space_not_found", SpaceNotFoundError),
        ("space_exists", SpaceExistsError),
        ("dimension_mismatch", DimensionMismatchError),
        ("fingerprint_mismatch", FingerprintMismatchError),
        ("not_calibrated", NotCalibratedError),
        ("store_unavailable", StoreUnavailableError),
        ("extractor_unknown", UnknownExtractorError),
        ("unauthorized", ServiceRefusedError),
        ("a code of a later version", ServiceRefusedError),
    ],
)
def test_codes(error_body, code, kind):
    error = error_of(400, error_body(code, "in the service's words"))
    assert isinstance(error, kind)
    assert str(error) == "in the service's words"


def test_the_first_invalid_field_is_named(error_body):
    detail = [{"where": ["queries", 0, "k"], "message": "Input should be a valid integer"}]
    error = error_of(422, error_body("invalid_fields", "the request has invalid fields", detail))
    assert str(error) == "the request has invalid fields: queries.0.k: Input should be a valid integer"


@pytest.mark.parametrize("body", [None, [], {}, {"error": "text"}, {"detail": "Not Found"}, "text"])
def test_other_bodies(body):
    assert isinstance(error_of(500, body), ServiceUnreachableError)


def test_errors_survive_pickling(error_body):
    for code in ("space_not_found", "fingerprint_mismatch", "overloaded"):
        error = error_of(503, error_body(code, "words", {"a": 1}))
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert str(copy) == "words"
        assert isinstance(copy, NearIdError)
    assert copy.detail == {"a": 1}
