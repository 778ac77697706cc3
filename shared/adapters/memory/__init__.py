"""Every port in memory: real implementations without a transport, for replays, simulations and tests at full speed."""
