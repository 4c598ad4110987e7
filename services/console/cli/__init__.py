"""The operators' command line: `python -m services.console.cli`."""
