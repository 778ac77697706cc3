"""The contact line's worker."""
