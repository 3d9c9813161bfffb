"""Base64 text and data URLs."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from util.errors import ImageError, ImageTooLargeError
from util.images import ImageLimits, content_hash, decode_base64, read_bytes, read_image


@given(st.binary(min_size=1))
def test_round_trip_in_both_alphabets(data):
    assert decode_base64(base64.b64encode(data).decode()) == data
    assert decode_base64(base64.urlsafe_b64encode(data).decode()) == data
    assert decode_base64("data:image/jpeg;base64," + base64.b64encode(data).decode()) == data


def test_line_breaks_and_case_do_not_matter():
    lines = base64.encodebytes(bytes(range(200))).decode()
    assert lines.count("\n") > 2
    assert decode_base64(f"  DATA:image/PNG;charset=x;BASE64,{lines}  ") == bytes(range(200))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("  \n ", "is empty"),
        ("data:image/png;base64,", "is empty"),
        ("data:image/png,abcd", "holds no base64"),
        ("data:image/png;base64", "holds no base64"),
        ("abc", "not valid base64"),
        ("ab=c", "not valid base64"),
        ("Zm9v!", "not valid base64"),
        ("Zm9vä", "not valid base64"),
    ],
)
def test_what_is_no_base64(text, reason):
    with pytest.raises(ImageError, match=reason):
        decode_base64(text)


def test_the_byte_limit_counts_decoded_bytes():
    text = base64.b64encode(b"x" * 100).decode()
    assert len(decode_base64(text, limits=ImageLimits(max_bytes=100))) == 100
    with pytest.raises(ImageTooLargeError):
        decode_base64(text, limits=ImageLimits(max_bytes=99))


def test_data_url_is_an_image_source(photo, encode):
    data = encode(photo, "PNG")
    url = "data:image/png;base64," + base64.b64encode(data).decode()
    np.testing.assert_array_equal(read_image(url), photo)
    assert content_hash(read_bytes(url)) == content_hash(data)


def test_a_broken_data_url_is_not_repeated_in_the_message():
    with pytest.raises(ImageError) as caught:
        read_image("data:image/png;base64," + base64.b64encode(b"no image " * 1000).decode())
    assert len(str(caught.value)) < 200
