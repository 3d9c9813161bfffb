"""Qdrant: a server (``qdrant+http``), or a folder searched in this process (``qdrant+local``)."""

from util.vector_store.qdrant.store import QdrantStore, open_url

__all__ = ["QdrantStore", "open_url"]
