from util.cli.console import print_table


def test_cells_are_printed_as_they_are(capsys):
    cells = ("crop [10]", "[red]milk[/red]", "[/]", "a\\[b")
    print_table(("item [unit]",), [(cell,) for cell in cells])
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == ["item [unit]", *cells]
