"""regobs.grafana"""
