"""Asks about every claim that outlived its lease."""
