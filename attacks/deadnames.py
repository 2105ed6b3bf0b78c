"""Names that inserted dead code may use; nobody renames anything to them, so they never collide."""

DEAD_NAMES = ("spare", "unused_count", "scratch_value", "idle_flag", "guard_word", "filler", "residue", "placeholder")
