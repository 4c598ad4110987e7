"""Settings of the departments service."""

from pydantic import Field

from services.queues.item import MOST_RECEIVES
from services.runtime.settings import KafkaSettings, MongoSettings, ProcessSettings

STREAM_RETENTION_DAYS = 30.0


class DepartmentsSettings(ProcessSettings, KafkaSettings, MongoSettings):
    """The service lends out queue items, streams where feedback went, and publishes progress."""

    http_port: int = Field(8002, ge=0, le=65_535, description="port of the API")
    mongo_timeout_seconds: float = Field(
        1.2, gt=0, le=60, description="deadline of one operation, finding a primary included"
    )
    max_body_bytes: int = Field(524_288, ge=1_024, description="largest body of a request")
    body_seconds: float = Field(10.0, gt=0, description="time that a client has to send a body")
    most_receives: int = Field(
        MOST_RECEIVES, ge=1, le=1_000, description="receives of an item, after which it is dead"
    )
    queue_poll_seconds: float = Field(
        0.2, gt=0, le=10, description="pause between two looks at a queue that clients wait on"
    )
    progress_poll_seconds: float = Field(
        1.0, gt=0, le=60, description="pause between two looks for unpublished acknowledgements"
    )
    stream_retention_days: float = Field(
        STREAM_RETENTION_DAYS, gt=0, le=3_650, description="how far back a stream can resume"
    )
    stream_poll_seconds: float = Field(
        0.2, gt=0, le=10, description="pause between two looks for what other processes logged"
    )
    stream_clients: int = Field(2_000, ge=1, description="streams open at once in this process")
    stream_buffer_events: int = Field(
        1_000, ge=1, description="events that a slow client may be behind before it is cut off"
    )
    stream_heartbeat_seconds: float = Field(15.0, gt=0, description="longest silence on a stream")
    stream_send_seconds: float = Field(
        30.0, gt=0, description="time in which a client must take what it is sent"
    )
