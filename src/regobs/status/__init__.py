"""The first five minutes of an incident: what fires, what burns, which routes are ill, what is full, what changed."""
