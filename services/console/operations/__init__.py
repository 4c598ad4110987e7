"""What operators can do, apart from how they are shown it."""
