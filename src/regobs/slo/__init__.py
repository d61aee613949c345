"""regobs.slo"""
