"""Real data, real processes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

GROCERY = Path(__file__).parents[2].parent / "shared" / "data" / "grocery"


@pytest.fixture(scope="session")
def grocery() -> Path:
    """The Grocery Store Dataset, where it is at hand."""
    if not (GROCERY / "train.txt").exists():
        pytest.skip(f"the Grocery Store Dataset is not at {GROCERY}")
    return GROCERY


@pytest.fixture
def nearid(monkeypatch, capsys, tmp_path) -> Callable[..., tuple[int, str, str]]:
    """Runs the command line in this process: (exit status, standard output, standard error)."""
    import sys

    from config.settings import load_settings
    from util.cli import main

    monkeypatch.setenv("NEARID_STORE", f"embedded:{tmp_path / 'store.db'}")

    def run(*words: object) -> tuple[int, str, str]:
        load_settings.cache_clear()
        monkeypatch.setattr(sys, "argv", ["nearid", *map(str, words)])
        capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as left:
            status = int(left.code or 0)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    yield run
    load_settings.cache_clear()


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory) -> Path:
    """Folders ``gallery`` (five items, four photos each), ``queries`` (the same items) and ``new`` (two others).

    An item is a pattern of coloured blobs; its photos differ in brightness and noise, so any extractor that sees
    colour and shape tells them apart.
    """
    import numpy as np
    from PIL import Image

    folder = tmp_path_factory.mktemp("catalogue")
    rng = np.random.default_rng(5)
    for number in range(7):
        pattern = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).resize(
            (96, 96), Image.Resampling.BICUBIC
        )
        pixels = np.asarray(pattern, dtype=np.float32)
        for photo in range(6):
            part = "new" if number >= 5 else "gallery" if photo < 4 else "queries"
            shot = pixels * rng.uniform(0.8, 1.1) + rng.normal(0, 6, pixels.shape)
            path = folder / part / f"item{number}" / f"{photo}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.clip(shot, 0, 255).astype(np.uint8)).save(path, quality=92)
    return folder


@pytest.fixture(scope="session")
def hostile_images(tmp_path_factory) -> list[Path]:
    """2,000 mutated image files of every format (see ``hostile_images.py``), some of real photos where at hand."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("hostile_images", Path(__file__).with_name("hostile_images.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    photos = sorted(GROCERY.glob("train/*/*/*.jpg"))[:10]
    return module.write_hostile_images(tmp_path_factory.mktemp("hostile"), 2000, photos=photos)


@pytest.fixture
def start_service(tmp_path) -> Iterator[Callable[..., str]]:
    """Starts the REST service on a free port of this machine and says its URL; options are settings of either kind."""
    import threading
    import time

    import uvicorn

    from config.settings import ServiceSettings, Settings
    from vearch_plugin.app import create_app

    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(**options: object) -> str:
        given = {
            "store": f"embedded:{tmp_path / 'service.db'}",
            "rate_limit": "none",
            "request_timeout": 600,
            **options,
        }
        settings, limits = (
            kind(_env_file=None, **{name: value for name, value in given.items() if name in kind.model_fields})
            for kind in (Settings, ServiceSettings)
        )
        config = uvicorn.Config(create_app(settings, limits), port=0, log_config=None, timeout_graceful_shutdown=5)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        running.append((server, thread))
        deadline = time.monotonic() + 60
        while not server.started:
            assert thread.is_alive() and time.monotonic() < deadline, "the service did not start"
            time.sleep(0.01)
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(timeout=30)
