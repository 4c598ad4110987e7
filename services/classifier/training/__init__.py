"""Trains the classifier's model from questions, mapped headings and texts written for training."""
