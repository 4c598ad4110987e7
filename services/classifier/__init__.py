"""The classifier: policy areas with reasons for a text, or an abstention."""
