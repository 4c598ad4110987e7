"""Settings of the console."""

from pydantic import Field

from services.runtime.settings import KafkaSettings, MongoSettings, ProcessSettings


class ConsoleSettings(ProcessSettings, KafkaSettings, MongoSettings):
    """The console looks at Kafka and MongoDB themselves, and asks no other process."""

    http_port: int = Field(8003, ge=0, le=65_535, description="port of the API")
    mongo_timeout_seconds: float = Field(
        10.0, gt=0, le=60, description="deadline of one operation, finding a primary included"
    )
