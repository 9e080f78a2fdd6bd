"""Any server's answer, read: a generation or a KlingError."""
