"""Who may call the APIs: keys of organisations, departments and operators; a library."""
