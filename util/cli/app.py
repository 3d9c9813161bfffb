"""The command line's table of contents."""

from __future__ import annotations

import typer

from util.cli import (
    compare,
    dataset,
    duplicates,
    evaluate,
    explain,
    extractors,
    identify,
    index,
    models,
    preprocess,
    search,
    serve,
    spaces,
    train,
)

app = typer.Typer(
    name="nearid",
    help="Identifies nearly identical things in photos: which one is it, or is it new?",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help comes at once; drawn boxes cost half a second of imports
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _before_every_command() -> None:
    from config.logging import configure_logging
    from config.settings import load_settings

    configure_logging(load_settings().log_level)


app.command("index")(index.index)
app.command("search")(search.search)
app.command("identify")(identify.identify)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("explain")(explain.explain)
app.command("duplicates")(duplicates.duplicates)
app.command("preprocess")(preprocess.preprocess)
app.command("train")(train.train)
app.command("extractors")(extractors.extractors)
app.command("serve")(serve.serve)
app.add_typer(dataset.app, name="dataset")
app.add_typer(spaces.app, name="spaces")
app.add_typer(models.app, name="models")
