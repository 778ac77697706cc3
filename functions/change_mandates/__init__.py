"""Turns automatic deduction on and off, by the borrower with a one-time code."""
