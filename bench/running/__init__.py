"""What a run consists of, as jobs, and who does them."""
