"""One folder a function: `handler.py` parses, calls and reports, `bootstrap.py` wires. They never import each other."""
