"""Runner and machinery of the benchmark; see bench/DESIGN.md for its decisions."""
