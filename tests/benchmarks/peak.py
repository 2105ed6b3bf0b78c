"""Attack all samples of a file in this process and print its peak memory in GB; a script, for a process of its own.

Every sample gets `FEW` queries, and the longest functions, as many as are attacked side by side, the whole budget: what
a run holds grows with its samples, and what an attack holds with its queries and the length of its function.
"""

from __future__ import annotations

import pickle
import resource
import sys
from dataclasses import replace

from bench.running.attacking import GROUP, outcomes

FEW = 3


def main(file: str) -> None:
    """Read (assault, samples), attack, print."""
    with open(file, "rb") as content:
        assault, samples = pickle.load(content)
    found = list(outcomes(replace(assault, budget=FEW), samples, 0, 1))
    longest = sorted(samples, key=lambda sample: len(sample.code))[-GROUP:]
    found += outcomes(assault, longest, 0, 1)
    assert len(found) == len(samples) + GROUP
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9)


if __name__ == "__main__":
    main(sys.argv[1])
