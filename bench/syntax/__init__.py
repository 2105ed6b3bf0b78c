"""Facts about C programs, read from the tree-sitter tree."""
