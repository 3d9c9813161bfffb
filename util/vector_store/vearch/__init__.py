"""The Vearch store: spaces on a Vearch cluster, through its REST interface."""

from util.vector_store.vearch.store import VearchStore


def open_url(url: str, *, timeout: float) -> VearchStore:
    """The store of a URL ``vearch+http://user:password@HOST:9001/DB``."""
    return VearchStore(url, timeout=timeout)


__all__ = ["VearchStore", "open_url"]
