"""Settings of the console: its HTTP API and its command line."""

from pydantic import Field, SecretStr

from services.runtime.settings import KafkaSettings, MongoSettings, ProcessSettings


class ConsoleSettings(ProcessSettings, KafkaSettings, MongoSettings):
    """The console looks at Kafka and MongoDB themselves, and asks no other process."""

    http_port: int = Field(8003, ge=0, le=65_535, description="port of the API")
    mongo_timeout_seconds: float = Field(
        10.0, gt=0, le=60, description="deadline of one operation, finding a primary included"
    )


class CommandLineSettings(ConsoleSettings):
    """The command line acts in the name of the operator whose key it is given."""

    operator_key: SecretStr | None = Field(
        None, description="an operator's key: who acts, in the audit"
    )
