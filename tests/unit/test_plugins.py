"""Packages whose files are their parts: found by name, imported one at a time, told apart from what spoils them."""

import importlib
import sys
from collections.abc import Callable, Iterator
from json import JSONDecoder
from pathlib import Path

import pytest

from util.errors import ExtractorUnavailableError
from util.plugins import PluginPackage, closest_first

STRICT = "import json\n\nclass Strict(json.JSONDecoder):\n    pass\n"

BROKEN = {
    "needs_a_package": ("import a_package_nobody_has", "the decoder 'needs_a_package' cannot be imported: ModuleNot"),
    "fails": ("1 / 0", "the decoder 'fails' cannot be imported: ZeroDivisionError: division by zero"),
    "empty": ("", "must define exactly one class derived from JSONDecoder with all its methods, it defines none"),
    "two": (STRICT + STRICT.replace("Strict", "Lax"), "it defines Lax, Strict"),
    "imports": ("from json import JSONDecoder as Decoder", "it defines none"),
    "abstract": (
        "from abc import ABC, abstractmethod\nfrom json import JSONDecoder\n\nclass Half(JSONDecoder, ABC):\n"
        "    @abstractmethod\n    def more(self): ...\n",
        "it defines none",
    ),
}

Write = Callable[[str, str], None]


@pytest.fixture
def decoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[PluginPackage[JSONDecoder], Write]]:
    """An empty package of JSON decoders, and what writes a module into it."""
    folder = tmp_path / "decoders_of_a_test"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    package = importlib.import_module(folder.name)

    def write(name: str, code: str) -> None:
        (folder / f"{name}.py").write_text(code)
        importlib.invalidate_caches()

    yield PluginPackage(package, JSONDecoder, "decoder", ExtractorUnavailableError), write
    for name in [name for name in sys.modules if name.split(".")[0] == folder.name]:
        del sys.modules[name]


def test_a_file_is_found_by_its_name_and_imported_when_asked_for(decoders):
    package, write = decoders
    assert package.names() == []
    write("strict", STRICT)
    write("broken", "1 / 0")
    assert package.names() == ["broken", "strict"]
    assert "decoders_of_a_test.strict" not in sys.modules
    found = package.load_class("strict")
    assert issubclass(found, JSONDecoder) and found.__name__ == "Strict"
    assert "decoders_of_a_test.broken" not in sys.modules


def test_the_contract_private_files_and_folders_are_no_parts(decoders, tmp_path):
    package, write = decoders
    for name in ("base", "_private", "strict"):
        write(name, STRICT)
    (tmp_path / "decoders_of_a_test/folder").mkdir()
    (tmp_path / "decoders_of_a_test/folder/__init__.py").touch()
    assert package.names() == ["strict"]


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_used_says_why(decoders, name):
    package, write = decoders
    code, reason = BROKEN[name]
    write(name, code)
    with pytest.raises(ExtractorUnavailableError) as raised:
        package.load_class(name)
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "names", "ordered"),
    [
        ("beta", ["alpha", "betta", "gamma"], ["betta", "alpha", "gamma"]),
        ("zzz", ["alpha", "beta"], ["alpha", "beta"]),
        ("alpha", [], []),
    ],
)
def test_what_is_meant_most_likely_comes_first_and_nothing_is_lost(name, names, ordered):
    assert closest_first(name, names) == ordered
