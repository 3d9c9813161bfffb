"""URLs of Qdrant stores."""

from pathlib import Path

import pytest

from util.errors import InvalidInputError
from util.vector_store.qdrant.address import Folder, Server, read_address

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("qdrant+http://host", Server("http://host:6333")),
        ("qdrant+http://host:80/", Server("http://host:80")),
        ("qdrant+https://:a%2Fb@host:6333/under/this/", Server("https://host:6333/under/this", "a/b")),
        ("qdrant+http://[::1]:7000", Server("http://[::1]:7000")),
        ("qdrant+local:data/q", Folder(Path("data/q"))),
        ("qdrant+local::memory:", Folder(None)),
        ("qdrant+local:a b?c#d%20", Folder(Path("a b?c#d%20"))),
    ],
)
def test_forms(url, address):
    assert read_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        f"qdrant:{SECRET}",
        f"qdrant+ftp://:{SECRET}@host",
        f"qdrant+http://:{SECRET}@",
        f"qdrant+http://:{SECRET}@host:port",
        f"qdrant+http://:{SECRET}@host:99999999",
        f"qdrant+http://root:{SECRET}@host",
        f"qdrant+http://{SECRET}@host",
        f"qdrant+http://:{SECRET}%0A@host",
        f"qdrant+http://:{SECRET}é@host",
        f"qdrant+http://:{SECRET}@host?x=1",
    ],
)
def test_others_are_refused_without_repeating_the_key(url):
    with pytest.raises(InvalidInputError) as refusal:
        read_address(url)
    assert SECRET not in str(refusal.value)


def test_the_key_is_in_no_text():
    address = read_address(f"qdrant+https://:{SECRET}@host")
    assert SECRET not in str(address) + repr(address)


def test_home_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_address("qdrant+local:~/q") == Folder(tmp_path / "q")
