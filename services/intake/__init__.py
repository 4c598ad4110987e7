"""Intake: accepts what charities submit, publishes it, and says what became of it."""
