"""Takes webhooks in: checks who signed them, and queues them as they came."""
