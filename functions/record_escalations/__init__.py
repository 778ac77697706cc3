"""The stage line's worker."""
