"""Settings of the classifier."""

from pydantic import Field

from services.runtime.settings import KafkaSettings, MongoSettings, ProcessSettings


class ClassifierSettings(ProcessSettings, KafkaSettings, MongoSettings):
    """The classifier reads and writes topics; in the database it finds whether it may run, and
    says how it is.
    """

    http_port: int = Field(8011, ge=0, le=65_535, description="port of health and metrics")
    max_records: int = Field(
        100, ge=1, le=10_000, description="records in a batch: a careful reading takes some 10 ms"
    )
    model_path: str | None = Field(
        None, description="folder of another model than the one that ships with the classifier"
    )
    thresholds_path: str | None = Field(
        None, description="file of other thresholds than those of the model"
    )
    fast_alone: bool = Field(
        False, description="let the fast reader read alone: less right, some twenty times as fast"
    )
    shadow_model_path: str | None = Field(
        None,
        description="folder of a candidate that reads what the model reads; where they disagree "
        "is counted and never acted on",
    )
    shadow_waiting: int = Field(
        1_000,
        ge=1,
        description="texts that may wait for the candidate; further ones are left out and counted",
    )
