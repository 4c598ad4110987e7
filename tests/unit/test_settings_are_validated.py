"""Wrong settings end a process with one line each; secrets are never echoed."""

import json

import pytest

from services.router.settings import RouterSettings
from services.runtime.settings import echo, read_settings


def test_wrong_value_exits_with_the_variable_and_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRONTLINE_HTTP_PORT", "eighty")
    with pytest.raises(SystemExit) as ended:
        read_settings(RouterSettings)
    assert ended.value.code == 78
    assert "FRONTLINE_HTTP_PORT" in capsys.readouterr().err


def test_retries_that_would_cost_the_partitions_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRONTLINE_RETRY_BUDGET_SECONDS", "20")
    monkeypatch.setenv("FRONTLINE_MAX_POLL_INTERVAL_MS", "30000")
    with pytest.raises(SystemExit):
        read_settings(RouterSettings)
    assert "FRONTLINE_RETRY_BUDGET_SECONDS must be under half" in capsys.readouterr().err


def test_sasl_without_a_password_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRONTLINE_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    with pytest.raises(SystemExit):
        read_settings(RouterSettings)
    assert "FRONTLINE_KAFKA_PASSWORD" in capsys.readouterr().err


def test_echo_masks_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTLINE_MONGO_URL", "mongodb://user:hunter2@127.0.0.1/?replicaSet=rs0")
    monkeypatch.setenv("FRONTLINE_KAFKA_PASSWORD", "hunter2")
    settings = read_settings(RouterSettings)
    assert settings.mongo_url.get_secret_value().endswith("rs0")
    assert "hunter2" not in json.dumps(echo(settings))


def test_every_setting_is_described() -> None:
    fields = RouterSettings.model_fields
    assert [name for name, field in fields.items() if not field.description] == []
