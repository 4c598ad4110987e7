"""Settings of the classifier."""

from pydantic import Field

from services.runtime.settings import KafkaSettings, ProcessSettings


class ClassifierSettings(ProcessSettings, KafkaSettings):
    """The classifier reads and writes topics; it needs no database."""

    http_port: int = Field(8011, ge=0, le=65_535, description="port of health and metrics")
    model_path: str | None = Field(
        None, description="folder of another model than the one that ships with the classifier"
    )
