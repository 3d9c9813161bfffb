"""Settings of an installation: the only place that reads the environment."""
