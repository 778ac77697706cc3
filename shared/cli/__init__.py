"""The `duebell` command: one module for each group of commands, registered in `main`."""
