"""What operators changed, when and why: append-only and chained by hashes; a library."""
