"""Reads the agendas and tops up the queues; by hand, tells what would be decided."""
