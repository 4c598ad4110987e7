"""Kafka, MongoDB and every service as child processes of one terminal: no Docker needed."""
