"""Settings of the router."""

from pydantic import Field

from services.runtime.settings import KafkaSettings, MongoSettings, ProcessSettings


class RouterSettings(ProcessSettings, KafkaSettings, MongoSettings):
    """The router reads tagged feedback, writes queues, and publishes where it went."""

    http_port: int = Field(8012, ge=0, le=65_535, description="port of health and metrics")
    mongo_timeout_seconds: float = Field(
        10.0, gt=0, le=60, description="deadline of one write, finding a primary included"
    )
