"""How operators see and mend the pipeline: one set of operations, by HTTP API and command line."""
