"""Training: from photos of items to networks that tell nearly identical ones apart."""
