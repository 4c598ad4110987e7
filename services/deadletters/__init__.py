"""Dead letters from outside: an index of them, their states, and how they are redriven or ended."""
