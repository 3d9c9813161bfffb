"""The steps that commands, notebooks and services share."""
