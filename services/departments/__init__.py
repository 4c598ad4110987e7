"""The departments service: queues worked by API, topic streams, progress published."""
