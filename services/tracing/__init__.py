"""What became of each record at each stage, a library: hops in MongoDB, and OpenTelemetry spans."""
