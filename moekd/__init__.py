"""MoEKD: mixture-of-experts knowledge distillation (arXiv 2603.13213)."""
