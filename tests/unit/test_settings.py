"""Settings: no secret has a default, and what is wrong is named."""

from __future__ import annotations

import base64

import pytest

from backend.settings import Mode, Settings, SettingsError, web_origins

KEY = base64.b64encode(bytes(32)).decode()
GOOD = {
    "DATABASE_URL": "postgresql://niangjia_api@db/niangjia",
    "NIANGJIA_FIELD_KEYS": f"b:{KEY},a:{KEY}",
    "NIANGJIA_INDEX_KEY": KEY,
    "NIANGJIA_TOKEN_KEY": KEY,
    "NIANGJIA_S3_ENDPOINT": "http://store:9000",
    "NIANGJIA_S3_ACCESS_KEY": "niangjia-api",
    "NIANGJIA_S3_SECRET_KEY": "secret",
}


def test_good_settings() -> None:
    settings = Settings.from_env(GOOD)
    assert (settings.mode, settings.demo, settings.current_field_key) == (Mode.PRODUCTION, False, "b")
    assert set(settings.field_keys) == {"a", "b"}
    assert settings.store.public_endpoint == "http://store:9000"
    assert (settings.waiting, settings.wait_s) == (200, 2)


@pytest.mark.parametrize("name", sorted(GOOD))
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_missing_is_named(name: str, value: str | None) -> None:
    env = {key: text for key, text in GOOD.items() if key != name} | ({name: value} if value is not None else {})
    with pytest.raises(SettingsError, match=name):
        Settings.from_env(env)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NIANGJIA_MODE", "development"),
        ("NIANGJIA_FIELD_KEYS", KEY),
        ("NIANGJIA_FIELD_KEYS", f"a b:{KEY}"),
        ("NIANGJIA_FIELD_KEYS", "a:short"),
        ("NIANGJIA_INDEX_KEY", base64.b64encode(bytes(31)).decode()),
        ("NIANGJIA_TOKEN_KEY", "not base64!"),
        ("NIANGJIA_API_WAITING", "many"),
        ("NIANGJIA_API_WAITING", "1001"),
        ("NIANGJIA_API_WAIT_S", "0"),
        ("NIANGJIA_API_WAIT_S", "-1"),
    ],
)
def test_what_is_wrong_is_named_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        Settings.from_env(GOOD | {name: value})
    assert KEY not in str(refused.value)


def test_a_demonstration_is_refused_together_with_production_settings() -> None:
    with pytest.raises(SettingsError, match="demo"):
        Settings.from_env(GOOD | {"NIANGJIA_MODE": "demo", "NIANGJIA_CONSOLE_URL": "https://console.example.org"})
    assert Settings.from_env(GOOD | {"NIANGJIA_MODE": "demo"}).demo


def test_web_pages_are_named_by_their_origins() -> None:
    assert web_origins({}) == web_origins({"NIANGJIA_WEB_ORIGINS": " "}) == ()
    named = web_origins({"NIANGJIA_WEB_ORIGINS": "https://m.example.org, http://127.0.0.1:5173"})
    assert named == ("https://m.example.org", "http://127.0.0.1:5173")


@pytest.mark.parametrize("wrong", ["*", "m.example.org", "https://m.example.org/", "https://*.example.org", "null"])
def test_what_is_no_origin_is_refused(wrong: str) -> None:
    with pytest.raises(SettingsError, match="NIANGJIA_WEB_ORIGINS"):
        web_origins({"NIANGJIA_WEB_ORIGINS": wrong})
