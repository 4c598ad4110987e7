"""The contracts: events, vocabularies, topics; imports pydantic and the standard library only."""
