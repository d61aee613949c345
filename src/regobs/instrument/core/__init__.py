"""Families, their series and the exposition of one process."""
