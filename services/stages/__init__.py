"""What operators see and want of each stage of the pipeline; a library."""
