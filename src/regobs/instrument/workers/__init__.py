"""Processes of one server that count together."""
