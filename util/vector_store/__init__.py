"""Stores: where embeddings live."""
