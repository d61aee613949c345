"""What records for the libraries that a registry uses, and for its background work."""
