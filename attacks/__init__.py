"""Meaning-preserving attacks on classifiers of C functions."""
