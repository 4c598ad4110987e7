"""What any process needs: settings, logs, metrics, Kafka, MongoDB, HTTP; knows no feedback."""
