"""Files of a newcomer, dropped in beside the extractors there are."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import util.image_extract as package


@pytest.fixture
def drop_in(tmp_path: Path) -> Iterator[Callable[[str, str], Path]]:
    """Writes a module into a folder that is searched as if it were util/image_extract."""
    folder = tmp_path / "dropped"
    folder.mkdir()
    package.__path__.append(str(folder))
    before = set(sys.modules)

    def write(name: str, code: str) -> Path:
        path = folder / f"{name}.py"
        path.write_text(code)
        return path

    yield write
    package.__path__.remove(str(folder))
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(folder) in str(sys.modules[name].__file__):
            del sys.modules[name]
            delattr(package, name.rpartition(".")[2])
