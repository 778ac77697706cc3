"""History through the real lines at full speed: the workflows and policy packs over the adapters in memory, day by day.

What is played is a portfolio with its payments; what comes out is what the lines would have sent, debited and recorded.
A forecast plays the days to come the same way, on a copy of the book.
"""
