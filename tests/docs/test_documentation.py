"""What the documentation says is run: README's blocks, the help texts, the links, the notebooks."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "models/README.md", ROOT / "data/README.md"]
BIN = Path(sys.executable).parent


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def run(command: str, folder: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "160"}
    environment = {name: value for name, value in environment.items() if not name.startswith("NEARID_")}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.mark.parametrize("page", ["README.md", "docs/training.md"])
def test_every_shell_and_python_block_runs_in_order(page, tmp_path):
    text = (ROOT / page).read_text()
    for script in ROOT.glob("train_*.py"):
        shutil.copy(script, tmp_path)  # as in a checkout
    ran = 0
    for language, code in re.findall(r"^```(sh|python)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        if language == "python":
            (tmp_path / "block.py").write_text(code)
            code = "python block.py"
        done = run(code, tmp_path)
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        ran += 1
    assert ran >= 2, f"{page} shows both the command line and Python"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} points to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_named_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z-]+)`", page.read_text()))
    named |= {word for block in blocks(page, "text") for word in re.findall(r"^make ([a-z-]+)", block, re.MULTILINE)}
    assert named <= targets


def command_names() -> list[list[str]]:
    import typer.main

    from util.cli.app import app

    names = []
    for name, command in typer.main.get_command(app).commands.items():
        names += [[name, sub] for sub in getattr(command, "commands", {})] or [[name]]
    return names


@pytest.mark.parametrize("words", command_names(), ids=" ".join)
def test_each_command_has_a_help_text_and_is_in_the_readme(words):
    done = run(f"nearid {' '.join(words)} --help", ROOT)
    assert done.returncode == 0
    assert "Usage: nearid " + " ".join(words) in " ".join(done.stdout.split())
    assert f"nearid {' '.join(words)}" in (ROOT / "README.md").read_text()


def test_settings_are_in_the_readme():
    from config.settings import Settings

    readme = (ROOT / "README.md").read_text()
    for name in Settings.model_fields:
        assert f"NEARID_{name.upper()}" in readme


@pytest.mark.slow
@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebook_runs_from_top_to_bottom(notebook, tmp_path):
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(notebook, as_version=4)
    NotebookClient(book, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert any("image/png" in output.get("data", {}) for cell in book.cells for output in cell.get("outputs", [])), (
        "a notebook without a picture"
    )
