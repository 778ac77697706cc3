"""Simulated contact decisions, judged by code that shares nothing with what decides."""
