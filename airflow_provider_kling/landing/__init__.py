"""A generation's files, put where they belong, whole."""
