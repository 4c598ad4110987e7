"""One of our services as a child process."""

import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from deploy.local.server import Server

CHECKOUT = Path(__file__).parents[2]
ASK_SECONDS = 2.0


class Service(Server):
    """`python -m services.<name>`, ready when its own readiness says so.

    One that waits for a person, because a stage is paused or its fuse open, is as ready as can be.
    """

    def __init__(
        self, name: str, port: int, environment: Mapping[str, str], log: Path, host: str
    ) -> None:
        self.url = f"http://{host}:{port}"
        own = {
            "FRONTLINE_HTTP_HOST": host,
            "FRONTLINE_HTTP_PORT": str(port),
            "FRONTLINE_PUBLIC_URL": self.url,
        }
        # static membership: a service that is started again keeps its partitions
        own["FRONTLINE_GROUP_INSTANCE_ID"] = f"local-{name}"
        super().__init__(name, log, environment={**environment, **own}, folder=CHECKOUT)

    def _prepare(self) -> list[str]:
        return [sys.executable, "-m", f"services.{self.name}"]

    def _ready(self) -> bool:
        answer = self._ask("/health/ready")
        if answer is None or answer.is_success:
            return answer is not None
        said = answer.json()
        return set(said["reasons"]) <= set(said["held"])

    def _up(self) -> bool:
        return self.healthy()

    def healthy(self) -> bool:
        """Whether it makes progress, by its own word; one that does not answer does not."""
        answer = self._ask("/health/live")
        return answer is not None and answer.is_success

    def _ask(self, path: str) -> httpx.Response | None:
        try:
            return httpx.get(self.url + path, timeout=ASK_SECONDS, trust_env=False)
        except httpx.HTTPError:
            return None
