"""One of our services as a child process."""

import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from deploy.local.server import Server

CHECKOUT = Path(__file__).parents[2]
ASK_SECONDS = 2.0


class Service(Server):
    """`python -m services.<name>`, ready when its own readiness says so."""

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
        return self._answers_200("/health/ready")

    def _up(self) -> bool:
        return self.healthy()

    def healthy(self) -> bool:
        """Whether it makes progress, by its own word; one that does not answer does not."""
        return self._answers_200("/health/live")

    def _answers_200(self, path: str) -> bool:
        try:
            return httpx.get(self.url + path, timeout=ASK_SECONDS, trust_env=False).is_success
        except httpx.HTTPError:
            return False
