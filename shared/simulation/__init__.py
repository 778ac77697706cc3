"""A lender's months in one process: the real workflows and policy packs over ports that fail, by seed, in virtual time.

What happens follows from the seed alone. The checks that judge it (`shared.invariants`) and the gateway's own books
know nothing of the workflows.
"""
