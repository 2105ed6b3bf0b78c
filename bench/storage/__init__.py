"""Run directories on disk: what is kept, in which form, and what can be taken up again."""
