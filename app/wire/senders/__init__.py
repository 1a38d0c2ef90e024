"""What inference servers and loggers send, read straight to columns."""
