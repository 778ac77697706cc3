"""Every text of the packs that ship, filled: by locale and channel, as a person approved it."""
