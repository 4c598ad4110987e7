"""What watches the services: the page of their metrics, written from the catalogue."""
