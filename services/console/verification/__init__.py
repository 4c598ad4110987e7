"""Whether everything that was accepted is accounted for: what is looked at, and how it is judged."""
