"""Whether everything accepted is accounted for: what is looked at, and how it is judged."""
