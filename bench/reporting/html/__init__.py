"""Self-contained pages: one file each, no network, no framework. Templates, style and script lie beside the code."""
