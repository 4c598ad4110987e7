"""Settings of the local demo, from the environment."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.runtime.settings import ENV_PREFIX


class LocalSettings(BaseSettings):
    """Each field is read from `FRONTLINE_<FIELD>`. With an address of Kafka or MongoDB given, none
    of ours is started.
    """

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore")

    state_dir: Path = Field(Path("var"), description="folder of all state: data, logs, keys")
    kafka_servers: str | None = Field(None, description="host:port of a Kafka to use")
    mongo_url: SecretStr | None = Field(None, description="connection string of one to use")
    mongo_database: str = Field("frontline", description="database name")
    maven_cache: Path | None = Field(
        None, description="Maven repository folder to take Kafka's jars from, not the network"
    )
    demo_kafka_port: int = Field(29092, ge=1, le=65_535, description="port of our Kafka")
    demo_kafka_controller_port: int = Field(
        29093, ge=1, le=65_535, description="port of our Kafka's controller"
    )
    demo_mongo_port: int = Field(29017, ge=1, le=65_535, description="port of our MongoDB")
    demo_intake_port: int = Field(8001, ge=1, le=65_535, description="port of intake")
    demo_departments_port: int = Field(8002, ge=1, le=65_535, description="port of departments")
    demo_console_port: int = Field(8003, ge=1, le=65_535, description="port of the console")
    demo_classifier_port: int = Field(8011, ge=1, le=65_535, description="classifier's health")
    demo_router_port: int = Field(8012, ge=1, le=65_535, description="router's health")
    demo_free_gb: float = Field(2.0, ge=0, description="free disk that a start asks for, GiB")
    demo_wait_seconds: float = Field(
        120.0, gt=0, description="longest wait for the samples to be on their queues"
    )

    def setting_of(self, field: str) -> str:
        """The name in the environment of a field."""
        return ENV_PREFIX + field.upper()

    def ports(self) -> dict[str, int]:
        """The ports that a start needs, by the name of their setting."""
        fields = [name for name in type(self).model_fields if name.endswith("_port")]
        if self.kafka_servers:
            fields = [name for name in fields if "kafka" not in name]
        if self.mongo_url:
            fields = [name for name in fields if "mongo" not in name]
        return {self.setting_of(name): getattr(self, name) for name in fields}
