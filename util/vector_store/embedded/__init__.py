"""The embedded store: SQLite holds the truth, matrices and FAISS indexes are caches that can be deleted."""

from util.vector_store.embedded.store import EmbeddedStore, open_url

__all__ = ["EmbeddedStore", "open_url"]
