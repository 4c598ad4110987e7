"""Frontline's processes and the libraries that they share."""
