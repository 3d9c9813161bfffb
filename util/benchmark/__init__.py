"""A whole system on a whole data set."""
