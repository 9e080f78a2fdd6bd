"""When and how to ask for a generation, and when to stop."""
