"""Extractors: images to embeddings."""
