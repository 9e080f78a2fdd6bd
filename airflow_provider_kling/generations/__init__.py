"""One paid generation: who it is, what is remembered of it, and the way to it that never pays twice."""
