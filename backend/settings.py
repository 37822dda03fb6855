"""Frozen settings, read once from the environment; no secret has a default."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")


class SettingsError(Exception):
    """The environment does not make a usable configuration; the text names the variable and what it should be."""


class Mode(StrEnum):
    """`demo` lets the operator move the business clock and prints login codes; production does neither."""

    PRODUCTION = "production"
    DEMO = "demo"


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where the object store is; `public_endpoint` is the address that phones reach, used for signing only."""

    endpoint: str
    public_endpoint: str
    region: str
    access_key: str
    secret_key: str


@dataclass(frozen=True, slots=True)
class SmsSettings:
    """Where text messages are handed over, and the token that lets us."""

    url: str
    token: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a process needs to know of its surroundings.

    `seal_key` is the worker's alone; `verify_unscanned` says whether a paper that no scanner saw may be verified.
    """

    mode: Mode
    database_url: str
    store: StoreSettings
    field_keys: Mapping[str, bytes]
    current_field_key: str
    index_key: bytes
    token_key: bytes
    seal_key: bytes | None
    public_url: str
    console_url: str
    clamd: str | None
    sms: SmsSettings | None
    #: Whose word on the caller's address is taken: the reverse proxies, as addresses or networks.
    proxies: tuple[str, ...]
    verify_unscanned: bool
    #: How many requests an api process lets wait for their turn, and how long.
    waiting: int
    wait_s: float
    #: From how many seconds on a statement is written down; 0 for never.
    slow_query_s: float
    data: Path | None

    @property
    def demo(self) -> bool:
        """Whether the business clock may be moved and codes are printed instead of sent."""
        return self.mode is Mode.DEMO

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Read and check every variable; raises SettingsError naming the first one that is missing or wrong."""
        keys = _field_keys(_required(env, "NIANGJIA_FIELD_KEYS"))
        endpoint = _required(env, "NIANGJIA_S3_ENDPOINT")
        mode = env.get("NIANGJIA_MODE", "production")
        if mode not in set(Mode):
            raise SettingsError("NIANGJIA_MODE must be production or demo")
        console_url = env.get("NIANGJIA_CONSOLE_URL", "http://127.0.0.1:8001")
        if mode == Mode.DEMO and console_url.startswith("https://"):
            raise SettingsError(
                "NIANGJIA_MODE=demo moves the clock and prints codes: it is refused on an https console"
            )
        return cls(
            mode=Mode(mode),
            database_url=_required(env, "DATABASE_URL"),
            store=StoreSettings(
                endpoint=endpoint,
                public_endpoint=env.get("NIANGJIA_S3_PUBLIC_ENDPOINT", endpoint),
                region=env.get("NIANGJIA_S3_REGION", "us-east-1"),
                access_key=_required(env, "NIANGJIA_S3_ACCESS_KEY"),
                secret_key=_required(env, "NIANGJIA_S3_SECRET_KEY"),
            ),
            field_keys=keys,
            current_field_key=next(iter(keys)),
            index_key=_key(env, "NIANGJIA_INDEX_KEY"),
            token_key=_key(env, "NIANGJIA_TOKEN_KEY"),
            seal_key=_key(env, "NIANGJIA_SEAL_KEY") if env.get("NIANGJIA_SEAL_KEY") else None,
            public_url=env.get("NIANGJIA_PUBLIC_URL", "http://127.0.0.1:8000"),
            console_url=console_url,
            clamd=env.get("NIANGJIA_CLAMD") or None,
            sms=_sms(env),
            proxies=_networks(env, "NIANGJIA_PROXIES"),
            verify_unscanned=_one_of(env, "NIANGJIA_UNSCANNED", "allow", "refuse") == "allow",
            waiting=_whole(env, "NIANGJIA_API_WAITING", 200, 0, 1000),
            wait_s=_whole(env, "NIANGJIA_API_WAIT_S", 2, 1, 10),
            slow_query_s=_milliseconds(env, "NIANGJIA_SLOW_QUERY_MS", 500) / 1000,
            data=Path(env["NIANGJIA_DATA"]) if env.get("NIANGJIA_DATA") else None,
        )


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings.from_env()


def web_origins(env: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The origins whose web pages may send files to the store, as NIANGJIA_WEB_ORIGINS names them; none without it.

    For whoever sets the store up. Raises SettingsError for what is no origin.
    """
    origins = tuple(part.strip() for part in env.get("NIANGJIA_WEB_ORIGINS", "").split(",") if part.strip())
    if wrong := [origin for origin in origins if not _ORIGIN.fullmatch(origin)]:
        raise SettingsError(f"NIANGJIA_WEB_ORIGINS must be origins such as https://m.example.org, not {wrong[0]}")
    return origins


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def _sms(env: Mapping[str, str]) -> SmsSettings | None:
    """The SMS gateway, if one is named."""
    url = env.get("NIANGJIA_SMS_URL", "")
    if not url:
        return None
    if not url.startswith(("https://", "http://")):
        raise SettingsError("NIANGJIA_SMS_URL must be an http or https address")
    return SmsSettings(url, _required(env, "NIANGJIA_SMS_TOKEN"))


def _networks(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    """Addresses and networks as `10.0.0.3,172.18.0.0/16`; none where the variable is not set."""
    try:
        return tuple(str(ipaddress.ip_network(part.strip())) for part in env.get(name, "").split(",") if part.strip())
    except ValueError as error:
        raise SettingsError(f"{name} must be addresses or networks such as 10.0.0.3,172.18.0.0/16: {error}") from None


def _milliseconds(env: Mapping[str, str], name: str, usual: int) -> int:
    value = env.get(name) or str(usual)
    if not (value.isascii() and value.isdigit()):
        raise SettingsError(f"{name} must be a number of milliseconds, 0 for never")
    return int(value)


def _one_of(env: Mapping[str, str], name: str, *choices: str) -> str:
    """One of these words; the first where nothing is set."""
    value = env.get(name) or choices[0]
    if value not in choices:
        raise SettingsError(f"{name} must be one of: {', '.join(choices)}")
    return value


def _whole(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number within these bounds."""
    value = env.get(name) or str(default)
    if not (value.isascii() and value.isdecimal() and least <= int(value) <= most):
        raise SettingsError(f"{name} must be a whole number from {least} to {most}")
    return int(value)


def _key(env: Mapping[str, str], name: str) -> bytes:
    return _decode(name, _required(env, name))


def _field_keys(value: str) -> dict[str, bytes]:
    """Keys as `id:base64,id:base64`; the first seals, all open."""
    keys = {}
    for part in value.split(","):
        key_id, colon, encoded = part.strip().partition(":")
        if not (colon and key_id.isascii() and key_id.isalnum() and len(key_id) <= 16):
            raise SettingsError("NIANGJIA_FIELD_KEYS must be id:base64,… with ids of up to 16 letters and digits")
        keys[key_id] = _decode("NIANGJIA_FIELD_KEYS", encoded)
    return keys


def _decode(name: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise SettingsError(f"{name} is not base64") from None
    if len(key) != 32:
        raise SettingsError(f"{name} must be 32 bytes in base64")
    return key
