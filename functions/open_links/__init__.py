"""Opens the short links of messages."""
