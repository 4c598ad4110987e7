"""The router: tagged feedback in, items on the queues of its departments out."""
