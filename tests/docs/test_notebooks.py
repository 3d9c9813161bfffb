"""Notebooks are kept as they are written: without outputs, and running nothing but Python."""

import json
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


def test_there_is_a_notebook():
    assert "report_demo" in [path.stem for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_valid_and_holds_no_outputs(path):
    nbformat.validate(json.loads(path.read_text()))
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.source for cell in code if cell.outputs or cell.execution_count is not None] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_calls_the_library_and_explains_each_cell(path):
    cells = nbformat.read(path, as_version=4).cells
    for cell, before in zip(cells[1:], cells, strict=False):
        if cell.cell_type == "code":
            assert "!" not in [line.lstrip()[:1] for line in cell.source.splitlines()], "a shell command"
            assert before.cell_type == "markdown" or cell is cells[-1], f"nothing explains\n{cell.source}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_commands_named_in_a_notebook_exist_with_their_options(path):
    import re
    import shlex

    import typer.main

    from util.cli.app import app

    commands = typer.main.get_command(app).commands
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    named = re.findall(r"`nearid ([^`]+)`", text)
    assert named
    for line in named:
        name, *words = shlex.split(line)
        command = commands[name]
        if hasattr(command, "commands"):
            command = command.commands[words[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known, line
