"""The operators' HTTP API: routes over the same operations as the command line."""
