"""Encoders from unlabelled programs, by masked-language modelling."""
