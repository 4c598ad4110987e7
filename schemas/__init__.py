"""The contracts: events, vocabularies and topics; imports pydantic and the standard library only."""
