"""Settings of intake."""

from typing import Self

from pydantic import Field, model_validator

from services.runtime.settings import KafkaSettings, MongoSettings, ProcessSettings

MAX_BATCH_ITEMS = 500


class IntakeSettings(ProcessSettings, KafkaSettings, MongoSettings):
    """Intake keeps receipts, publishes what it accepted, and reads what became of it."""

    http_port: int = Field(8001, ge=0, le=65_535, description="port of the API")
    public_url: str = Field(
        "",
        pattern=r"^(https?://[A-Za-z0-9.:\[\]_/-]+[^/])?$",
        description="put before the paths in answers; empty: they are paths",
    )
    kafka_produce_seconds: float = Field(
        1.5, gt=0, description="deadline of publishing within a request; after it the relay does it"
    )
    mongo_timeout_seconds: float = Field(
        1.2, gt=0, le=60, description="deadline of one operation, finding a primary included"
    )
    max_body_bytes: int = Field(262_144, ge=1_024, description="largest body of one submission")
    max_batch_bytes: int = Field(16_777_216, ge=1_024, description="largest body of a batch")
    body_seconds: float = Field(10.0, gt=0, description="time that a client has to send a body")
    rate_items_per_second: float = Field(
        2_000.0, gt=0, description="submissions per key and second, over time"
    )
    rate_burst_items: int = Field(
        20_000, ge=MAX_BATCH_ITEMS, description="submissions per key at once, after a quiet time"
    )
    in_flight_requests: int = Field(
        512, ge=1, description="submissions being stored at once; a key has at most half"
    )
    in_flight_batches: int = Field(
        16, ge=1, description="batches being read and stored at once; a key has at most half"
    )
    relay_seconds: float = Field(1.0, gt=0, description="pause between two looks for left receipts")
    relay_after_seconds: float = Field(
        5.0, gt=0, description="age from which an unpublished receipt is the relay's"
    )
    relay_lease_seconds: float = Field(
        30.0, gt=0, description="for how long claimed receipts are one process's to publish"
    )
    relay_receipts: int = Field(500, ge=1, le=10_000, description="receipts claimed at once")

    @model_validator(mode="after")
    def _leave_fresh_receipts_to_their_request(self) -> Self:
        if self.relay_after_seconds <= self.kafka_produce_seconds:
            raise ValueError(
                "FRONTLINE_RELAY_AFTER_SECONDS must be more than FRONTLINE_KAFKA_PRODUCE_SECONDS,"
                " or the relay publishes what requests are still publishing"
            )
        return self
