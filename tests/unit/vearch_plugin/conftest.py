"""The service in this process: a real store, a real extractor, no socket."""

import base64
import io
from contextlib import ExitStack

import pytest


@pytest.fixture(scope="session")
def png():
    """The bytes of a PNG of one colour."""
    from PIL import Image

    def encode(colour, size=(16, 16)) -> bytes:
        buffer = io.BytesIO()
        Image.new("RGB", size, colour).save(buffer, "PNG")
        return buffer.getvalue()

    return encode


@pytest.fixture(scope="session")
def as_base64(png):
    def encode(colour, **more) -> dict:
        return {"base64": base64.b64encode(png(colour)).decode(), **more}

    return encode


@pytest.fixture
def start(tmp_path):
    """Starts a service with some settings and gives a client of it."""
    from starlette.testclient import TestClient

    from config.settings import ServiceSettings, Settings
    from vearch_plugin.app import create_app

    with ExitStack() as stack:

        def enter(*, settings=None, client=None, **limits):
            installation = Settings(
                _env_file=None, store=f"embedded:{tmp_path / 'store.db'}", extractor="color_texture", **(settings or {})
            )
            app = create_app(installation, ServiceSettings(_env_file=None, **limits))
            return stack.enter_context(TestClient(app, raise_server_exceptions=False, **(client or {})))

        yield enter


@pytest.fixture
def client(start):
    return start(batch_wait=0)


@pytest.fixture
def gallery(client, as_base64):
    """A client of a service whose space 'colours' holds red, orange and blue."""
    images = [
        as_base64(colour, id=f"shelf/{colour}", item=colour, metadata={"warmth": warmth, "tags": ["plain", colour]})
        for warmth, colour in enumerate(("blue", "orange", "red"))
    ]
    answer = client.post("/v1/spaces/colours/images", json={"images": images})
    assert answer.status_code == 200, answer.text
    return client
