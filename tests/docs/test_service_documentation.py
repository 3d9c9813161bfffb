"""docs/service.md is run: the service started, every block of commands sent to it."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "service.md").read_text()
BIN = Path(sys.executable).parent


@pytest.fixture
def environment(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("NEARID_")}
    return {**plain, "PATH": f"{BIN}{os.pathsep}{plain['PATH']}", "NEARID_PORT": str(port)}


@pytest.fixture
def service(environment, tmp_path):
    """The service as the page starts it, but on a free port."""
    (command,) = re.findall(r"^```service\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    with (tmp_path / "service.log").open("wb") as log:
        process = subprocess.Popen(command.split(), cwd=tmp_path, env=environment, stdout=log, stderr=log)
    url = f"http://localhost:{environment['NEARID_PORT']}"
    end = time.monotonic() + 120
    while True:
        assert process.poll() is None, (tmp_path / "service.log").read_text()
        assert time.monotonic() < end
        try:
            urllib.request.urlopen(f"{url}/ready", timeout=10)
            break
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    yield url.removeprefix("http://")
    process.terminate()
    process.wait(60)


@pytest.mark.slow
def test_every_command_of_the_page_is_answered(service, environment, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("the page calls the service by curl, which is not here")
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 4
    for block in blocks:
        commands = block.replace("localhost:4101", service).replace("curl -sS", "curl -sS --fail-with-body")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        assert '"error"' not in done.stdout, f"{block}\n{done.stdout}"


def test_every_setting_of_the_service_is_on_the_page():
    from config.settings import ServiceSettings

    for name in ServiceSettings.model_fields:
        assert f"`NEARID_{name.upper()}`" in PAGE


def test_every_route_is_on_the_page():
    from config.settings import ServiceSettings, Settings
    from vearch_plugin.app import create_app

    paths = create_app(Settings(_env_file=None), ServiceSettings(_env_file=None)).openapi()["paths"]
    assert len(paths) >= 10
    for path, operations in paths.items():
        line = next(line for line in PAGE.splitlines() if f"{path}`" in line and line.startswith("|"))
        assert all(method.upper() in line for method in operations), path


def test_every_code_of_an_error_is_on_the_page():
    from util import errors
    from vearch_plugin.errors import ServiceError, answer_for

    def kinds(root):
        return [root, *(found for child in root.__subclasses__() for found in kinds(child))]

    from_stores_and_steps = [errors.InvalidInputError, errors.ImageError, errors.StoreError]
    from_stores_and_steps += [errors.ExtractorUnavailableError, errors.NotCalibratedError]
    own = [kind for kind in kinds(ServiceError) if kind.__module__ == "vearch_plugin.errors"]
    for kind in [*own, *from_stores_and_steps, *kinds(errors.StoreError)]:
        if not kind.__module__.startswith(("util.errors", "vearch_plugin.errors")):
            continue
        answer = answer_for(kind.__new__(kind, "x")) if kind not in own else kind("x")
        assert f"`{kind.code}`" in PAGE, kind
        status = int(answer.status)
        assert any(str(status) in line and f"`{kind.code}`" in line for line in PAGE.splitlines()), kind


def test_the_error_shown_is_of_the_shape_that_errors_have():
    (shown,) = re.findall(r"^```json\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert json.loads(shown)["error"].keys() == {"code", "message", "detail"}
