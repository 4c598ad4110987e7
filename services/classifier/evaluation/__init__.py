"""Measures a model on the development sets, and writes the report, the card and the record."""
