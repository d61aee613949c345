"""Doctor: what is empty on this server, and why."""
