"""What attacks may add without meaning: names of dead code, comments; and the comments that none may remove."""

import re

DEAD_NAMES = ("spare", "unused_count", "scratch_value", "idle_flag", "guard_word", "filler", "residue", "placeholder")
"""Nobody renames anything to these, so they never collide."""
NEUTRAL_COMMENTS = ("/* see above */", "/* next step */", "/* as before */")
"""They say nothing about the program, so no victim can be talked into a verdict."""
READ_BY_TOOLS = re.compile(
    r"falls?[\s_-]*thr|no.?break|no.?lint|coverity|cppcheck|clang|\bindent\b|@\w|\blint\b|lcov|gcov|-\*-|\{\{\{|\}\}\}|#\s*pragma",
    re.IGNORECASE,
)
"""Comments that compilers, checkers, editors or documentation tools obey."""
