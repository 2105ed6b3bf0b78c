"""Quantities with units: metrics and their intervals, size, GFLOPs, latency, energy."""
