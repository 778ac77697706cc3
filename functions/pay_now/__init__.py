"""Debits on the spot what a borrower orders to be paid."""
