"""One module per function: the order in which ports are asked and told. No SDK, no environment."""
