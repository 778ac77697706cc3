"""What the workflows need of the world: protocols only."""
