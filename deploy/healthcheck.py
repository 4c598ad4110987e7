"""Asks a service in this container whether it is ready: `python -m deploy.healthcheck PORT`.

A part that waits for a person, because its stage is paused or its fuse open, is no reason to take a
process out of service or to hold a deployment up: the mended process starts with the fuse open.
"""

import json
import sys
from http.client import HTTPConnection, HTTPException

PATH = "/health/ready"


def is_ready(port: int, seconds: float = 2.0) -> bool:
    """Whether the service on loopback says in time that it is, or that it waits for a person."""
    connection = HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", PATH)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        return answer.status == 200 or set(said["reasons"]) <= set(said["held"])
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not is_ready(int(sys.argv[1])))
