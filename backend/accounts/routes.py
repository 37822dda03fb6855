"""Routes of logging in, devices and consents."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Router
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from backend.accounts.consents import CONSENT_TEXTS, VERSION, Consents
from backend.accounts.login import Login, TokenPair
from backend.accounts.schemas import (
    CodeRequest,
    ConsentIn,
    ConsentOut,
    ConsentsOut,
    ConsentTextOut,
    ConsentTextsOut,
    DeviceOut,
    DevicesOut,
    MeOut,
    RefreshRequest,
    Sent,
    TokenRequest,
    TokensOut,
)
from backend.accounts.tokens import ACCESS_LIFETIME
from backend.identity import Actor
from backend.web.auth import NO_SECURITY, PUBLIC
from backend.web.handlers import read, remove, write


@write("/login/codes", opt=PUBLIC, security=NO_SECURITY, status_code=202, operation_id="sendLoginCode")
async def send_code(
    request: Request[Any, Any, Any], data: JSONBody[CodeRequest], login: NamedDependency[Login]
) -> Sent:
    """Send a login code by SMS; the answer is the same for a known and an unknown phone."""
    await login.send_code(data.phone, request.client.host if request.client else "")
    return Sent()


@write("/login/tokens", opt=PUBLIC, security=NO_SECURITY, status_code=200, operation_id="logIn")
async def log_in(data: JSONBody[TokenRequest], login: NamedDependency[Login]) -> TokensOut:
    """Trade a code for an access and a refresh token."""
    return _tokens(await login.log_in(data.phone, data.code, data.device))


@write("/login/refresh", opt=PUBLIC, security=NO_SECURITY, status_code=200, operation_id="refreshTokens")
async def refresh(data: JSONBody[RefreshRequest], login: NamedDependency[Login]) -> TokensOut:
    """Trade the refresh token for the next; a retry of a lost answer gets the same one, later reuse ends the device."""
    return _tokens(await login.refresh(data.refresh_token))


@write("/logout", status_code=204, operation_id="logOut")
async def log_out(
    request: Request[Actor, Any, Any], actor: NamedDependency[Actor], login: NamedDependency[Login]
) -> None:
    """Log this phone out."""
    await login.log_out(actor, request.auth.family)


@read("/devices", operation_id="listDevices")
async def devices(actor: NamedDependency[Actor], login: NamedDependency[Login]) -> DevicesOut:
    """The phones that are logged in."""
    return DevicesOut(
        [
            DeviceOut(id=device.id, name=device.name, created_at=device.created_at, last_used_at=device.last_used_at)
            for device in await login.devices(actor)
        ]
    )


@remove("/devices/{device_id:uuid}", status_code=204, operation_id="endDevice")
async def end_device(device_id: FromPath[UUID], actor: NamedDependency[Actor], login: NamedDependency[Login]) -> None:
    """Log one phone out."""
    await login.log_out(actor, device_id)


@remove("/devices", status_code=204, operation_id="endAllDevices")
async def end_all_devices(actor: NamedDependency[Actor], login: NamedDependency[Login]) -> None:
    """Log every phone out, this one too."""
    await login.log_out_everywhere(actor)


@read("/me", operation_id="me")
async def me(actor: NamedDependency[Actor]) -> MeOut:
    """Who is logged in."""
    return MeOut(account_id=actor.account_id, name=actor.name, person_id=actor.person_id)


@read("/consents/texts", operation_id="listConsentTexts")
async def consent_texts(actor: NamedDependency[Actor]) -> ConsentTextsOut:
    """Every purpose with its present wording, why it is needed and the law that asks for it."""
    return ConsentTextsOut(
        [
            ConsentTextOut(
                purpose=text.purpose,
                text_version=VERSION,
                title=text.title.in_(actor.language),
                words=text.words.in_(actor.language),
                clause=text.clause,
            )
            for text in CONSENT_TEXTS
        ]
    )


@read("/consents", operation_id="listConsents")
async def list_consents(actor: NamedDependency[Actor], consents: NamedDependency[Consents]) -> ConsentsOut:
    """The consents that stand."""
    return await _given(actor, consents)


@write("/consents", status_code=200, operation_id="giveConsent")
async def give_consent(
    data: JSONBody[ConsentIn], actor: NamedDependency[Actor], consents: NamedDependency[Consents]
) -> ConsentsOut:
    """Agree to a purpose; agreeing twice is agreeing once."""
    await consents.give(actor, data.purpose, data.text_version)
    return await _given(actor, consents)


@remove("/consents/{purpose:str}", status_code=204, operation_id="withdrawConsent")
async def withdraw_consent(
    purpose: FromPath[str], actor: NamedDependency[Actor], consents: NamedDependency[Consents]
) -> None:
    """Take a consent back from now on."""
    await consents.withdraw(actor, purpose)


async def _given(actor: Actor, consents: Consents) -> ConsentsOut:
    return ConsentsOut(
        [
            ConsentOut(purpose=one.purpose, text_version=one.text_version, given_at=one.given_at)
            for one in await consents.given(actor)
        ]
    )


def _tokens(pair: TokenPair) -> TokensOut:
    return TokensOut(
        access_token=pair.access,
        expires_in_s=int(ACCESS_LIFETIME.total_seconds()),
        refresh_token=pair.refresh,
    )


ROUTER = Router(
    "",
    tags=["accounts"],
    route_handlers=[
        send_code,
        log_in,
        refresh,
        log_out,
        devices,
        end_device,
        end_all_devices,
        me,
        consent_texts,
        list_consents,
        give_consent,
        withdraw_consent,
    ],
)
