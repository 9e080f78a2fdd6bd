"""A finished file's bytes, streamed and checked."""
