"""Exporters: what a registry's own metrics cannot show, turned into metrics by a process of its own."""
