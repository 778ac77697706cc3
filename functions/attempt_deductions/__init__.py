"""The debit line's worker."""
