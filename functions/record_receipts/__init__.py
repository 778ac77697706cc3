"""Hears what became of messages, and what borrowers write back."""
