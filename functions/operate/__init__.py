"""Does what an operator orders, once it is proved who orders it."""
