"""Books money once, from webhooks and people."""
