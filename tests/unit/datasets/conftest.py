"""Small data sets on disk, shared by the tests of reading and splitting."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

MakeFiles = Callable[[Iterable[str]], Path]


@pytest.fixture
def make_files(tmp_path: Path) -> MakeFiles:
    """Makes files below a fresh folder; what they hold does not matter to readers of lists, but differs."""

    def make(names: Iterable[str]) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name, encoding="utf-8", errors="surrogateescape")
        return tmp_path

    return make
