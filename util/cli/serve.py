"""``nearid serve``: the REST service."""

from __future__ import annotations

from typing import Annotated

import typer


def serve(
    host: Annotated[
        str | None, typer.Option("--host", help="Address to listen on. [default: NEARID_HOST, 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="Port to listen on. [default: NEARID_PORT, 4101]")
    ] = None,
) -> None:
    """Answer other programs over HTTP: index, search, identify, embed. Interactive description at /docs.

    Beyond this machine it answers only with an API key (NEARID_API_KEY). Ctrl-C finishes what is in work, then ends.
    """
    from vearch_plugin.serving import serve as serve_until_ended

    serve_until_ended(host=host, port=port)
