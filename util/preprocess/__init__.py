"""Preprocessing: background removal, framing, exposure correction, and recipes that chain them."""
