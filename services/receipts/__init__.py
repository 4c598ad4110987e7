"""Receipts of accepted submissions: what is kept of each, and the outbox; a library."""
