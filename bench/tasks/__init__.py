"""Labelled programs: read from files, from a hub, or generated from a seed."""
