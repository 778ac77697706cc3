"""What goes wrong on purpose on a local AWS, what must hold all the same, and how much it takes: docs/drills.md."""
