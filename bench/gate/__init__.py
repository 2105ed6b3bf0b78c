"""Whether numbers hold: against a baseline, against what lies below them, against the stored students."""
