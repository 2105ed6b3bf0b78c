"""The one training loop, the shapes that students may have, and the teachers they learn from."""
