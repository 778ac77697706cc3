"""The money sums and the invariants, recomputed from stored rows by code that shares nothing with what writes them.

Standard library only, and nothing of `shared` but this package: a mistake in a decision, a transaction or a mapping is
found because the same mistake does not stand here. Rows of any store go in as a `rows.Snapshot`, breaches come out.
"""
