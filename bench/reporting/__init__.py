"""Stored runs as tables, pictures and pages; nothing is computed anew."""
