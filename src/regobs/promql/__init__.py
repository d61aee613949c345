"""regobs.promql"""
