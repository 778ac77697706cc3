"""Tells why a loan's lines acted, waited or left it on a day."""
