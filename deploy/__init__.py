"""How Frontline is set up and run: provisioning, the local demo, images."""
