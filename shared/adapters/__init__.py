"""The only code that knows an SDK, a file or a socket: every adapter fills one port."""
