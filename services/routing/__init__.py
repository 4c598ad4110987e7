"""The routing library: who gets an item and why, shared by the router and `predict`; pure."""
