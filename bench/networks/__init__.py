"""Programs to tensors, and Transformers as classifiers."""
