"""What the login and consent routes take and give."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

Phone = Annotated[str, Meta(max_length=20, description="Mainland mobile number.", examples=["13800000000"])]


class CodeRequest(Struct, forbid_unknown_fields=True):
    """Whom to send a login code to."""

    phone: Phone


class TokenRequest(Struct, forbid_unknown_fields=True):
    """A code to trade for tokens; `device` is shown in the list of devices."""

    phone: Phone
    code: Annotated[str, Meta(pattern=r"^[0-9]{6}$", examples=["123456"])]
    device: Annotated[str, Meta(max_length=60, examples=["小米手机"])] = "手机"


class RefreshRequest(Struct, forbid_unknown_fields=True):
    """The newest refresh token of the device."""

    refresh_token: Annotated[str, Meta(max_length=100)]


class TokensOut(Struct, kw_only=True):
    """An access token, for how many seconds, and the refresh token that follows it."""

    access_token: str
    expires_in_s: int
    refresh_token: str


class Sent(Struct):
    """The code is on its way, if the phone exists; valid for so many seconds."""

    valid_for_s: int = 300


class DeviceOut(Struct, kw_only=True):
    """A phone that is logged in."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime


class DevicesOut(Struct):
    """The phones that are logged in, newest first."""

    items: list[DeviceOut]


class MeOut(Struct, kw_only=True):
    """Who is logged in; `person_id` is null until a record is registered or taken over."""

    account_id: UUID
    name: str
    person_id: UUID | None


class ConsentTextOut(Struct, kw_only=True):
    """What is agreed to, in the caller's language."""

    purpose: str
    text_version: str
    title: str
    words: str
    clause: str


class ConsentTextsOut(Struct):
    """Every purpose in its present wording."""

    items: list[ConsentTextOut]


class ConsentIn(Struct, forbid_unknown_fields=True):
    """A purpose agreed to, in the wording that was shown."""

    purpose: Annotated[str, Meta(max_length=30, examples=["sensitive_data"])]
    text_version: Annotated[str, Meta(max_length=20, examples=["2026-03"])]


class ConsentOut(Struct, kw_only=True):
    """A consent that stands."""

    purpose: str
    text_version: str
    given_at: datetime


class ConsentsOut(Struct):
    """The consents that stand."""

    items: list[ConsentOut]
