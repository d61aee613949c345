"""regobs.cli"""
