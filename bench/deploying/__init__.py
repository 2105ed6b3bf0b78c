"""A finished student for somebody else: chosen, exported with its card, asked for verdicts."""
