"""Asks a service in this container whether it is ready: `python -m deploy.healthcheck PORT`."""

import sys
from http.client import HTTPConnection, HTTPException

PATH = "/health/ready"


def is_ready(port: int, seconds: float = 2.0) -> bool:
    """Whether the service on loopback answers 200 in time."""
    connection = HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", PATH)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not is_ready(int(sys.argv[1])))
