"""Settings that every process has, from the environment, validated at start."""

import sys
from enum import StrEnum
from typing import Any, Literal, NoReturn, Self, TypeVar

import structlog
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ENV_PREFIX = "FRONTLINE_"
EXIT_CONFIG = 78

log = structlog.get_logger(__name__)


class Mode(StrEnum):
    """`development` permits a standalone MongoDB and weaker durability, and says so loudly."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


class ProcessSettings(BaseSettings):
    """What any process needs. Each field is read from `FRONTLINE_<FIELD>`; variables that a process
    does not know are ignored, because one environment serves every process.
    """

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore")

    mode: Mode = Field(Mode.PRODUCTION, description="production, or development with weaker checks")
    http_host: str = Field("127.0.0.1", description="address to listen on")
    http_port: int = Field(0, ge=0, le=65_535, description="port to listen on")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severe level that is written"
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="json for machines, console for people; auto asks the terminal"
    )
    drain_seconds: float = Field(
        4.0, gt=0, le=300, description="at SIGTERM: time for requests, then for the open batch"
    )
    otlp_endpoint: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="where spans go by OTLP over HTTP, /v1/traces included; empty: nowhere",
    )


class KafkaSettings(BaseSettings):
    """Where Kafka is and how to speak to it."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore")

    kafka_servers: str = Field("127.0.0.1:9092", description="host:port, several with commas")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how connections are secured"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="used with a SASL_ protocol"
    )
    kafka_username: str | None = Field(None, description="SASL user")
    kafka_password: SecretStr | None = Field(None, description="SASL password")
    kafka_ca_file: str | None = Field(None, description="certificate authority to trust, PEM")
    kafka_produce_seconds: float = Field(
        5.0, gt=0, description="deadline for a record to be confirmed by the broker"
    )
    topic_prefix: str = Field("", description="put before every topic and consumer group")
    max_records: int = Field(500, ge=1, le=10_000, description="records in a consumed batch")
    batch_timeout_ms: int = Field(20, ge=1, le=1_000, description="wait for records, per poll")
    max_poll_interval_ms: int = Field(
        300_000, ge=1_000, description="a batch that takes longer loses its partitions"
    )
    retry_attempts: int = Field(4, ge=1, le=20, description="tries of a record, the first included")
    retry_budget_seconds: float = Field(
        20.0, gt=0, description="longest time that a batch spends on retries"
    )
    fuse_dead: int = Field(20, ge=1, description="dead letters that may open the fuse")
    fuse_share: float = Field(
        0.2, gt=0, le=1, description="and their share of the last fuse_window records"
    )
    fuse_window: int = Field(200, ge=1, description="records that the fuse looks back on")
    group_instance_id: str | None = Field(
        None, description="static membership: keeps partitions over a restart; unique per process"
    )

    @model_validator(mode="after")
    def _keep_retries_inside_the_poll_interval(self) -> Self:
        if self.retry_budget_seconds * 1000 >= self.max_poll_interval_ms / 2:
            raise ValueError(
                "FRONTLINE_RETRY_BUDGET_SECONDS must be under half of"
                " FRONTLINE_MAX_POLL_INTERVAL_MS, or retries cost the consumer its partitions"
            )
        if self.kafka_security_protocol.startswith("SASL_") and not (
            self.kafka_username and self.kafka_password
        ):
            raise ValueError(
                "FRONTLINE_KAFKA_SECURITY_PROTOCOL asks for SASL: set FRONTLINE_KAFKA_USERNAME"
                " and FRONTLINE_KAFKA_PASSWORD"
            )
        return self


class MongoSettings(BaseSettings):
    """Where MongoDB is. Write concern majority with journal is set in code, not here."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore")

    mongo_url: SecretStr = Field(
        SecretStr("mongodb://127.0.0.1:27017/?replicaSet=rs0"),
        description="connection string of a replica set",
    )
    mongo_database: str = Field("frontline", description="database name")
    mongo_timeout_seconds: float = Field(
        1.5, gt=0, le=60, description="deadline of one operation, finding a primary included"
    )


Settings = TypeVar("Settings", bound=BaseSettings)


def read_settings(settings: type[Settings]) -> Settings:
    """Reads and validates; on a wrong value prints one line each and exits with 78 (EX_CONFIG)."""
    try:
        return settings()
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False):
            _complain("_".join(map(str, item["loc"])), item["msg"])
        raise SystemExit(EXIT_CONFIG) from None


def refuse_setting(field: str, reason: str) -> NoReturn:
    """Ends the process over a value that only its user can judge: one line, and 78 (EX_CONFIG)."""
    _complain(field, reason)
    raise SystemExit(EXIT_CONFIG) from None


def _complain(field: str, reason: str) -> None:
    name = f"{ENV_PREFIX}{field.upper()}: " if field else ""
    sys.stderr.write(f"settings: {name}{reason}\n")


def echo(settings: BaseSettings) -> dict[str, Any]:
    """The settings as they are logged at start; secrets are masked by their type."""
    return settings.model_dump(mode="json")
