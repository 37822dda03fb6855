"""Tokens of phones: what is signed holds, what is bent does not; a refresh token is derived, not drawn."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.accounts import tokens as tokens_module
from backend.accounts.tokens import ACCESS_LIFETIME, AUDIENCE, ISSUER, Tokens
from backend.clock import security_now
from backend.errors import Unauthenticated

KEY = bytes(range(32))
TOKENS = Tokens(KEY)
ACCOUNT, FAMILY = UUID(int=1), UUID(int=2)


def test_an_access_token_says_who_and_on_which_device_for_fifteen_minutes() -> None:
    claims = TOKENS.read_access(TOKENS.access(ACCOUNT, FAMILY))
    assert (claims.account, claims.family) == (ACCOUNT, FAMILY)
    left = claims.expires_at - security_now().timestamp()
    assert 0 < left <= ACCESS_LIFETIME.total_seconds() == 900


def test_an_access_token_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    before = security_now() - ACCESS_LIFETIME - timedelta(seconds=1)
    monkeypatch.setattr(tokens_module, "security_now", lambda: before)
    with pytest.raises(Unauthenticated):
        TOKENS.read_access(TOKENS.access(ACCOUNT, FAMILY))


def test_a_token_of_another_key_or_without_a_signature_is_refused() -> None:
    good = jwt.decode(TOKENS.access(ACCOUNT, FAMILY), KEY, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER)
    for token in (
        Tokens(bytes(32)).access(ACCOUNT, FAMILY),
        jwt.encode(good, "", algorithm="none"),
        jwt.encode(good, KEY * 2, algorithm="HS384"),
        jwt.encode({**good, "aud": "another"}, KEY, algorithm="HS256"),
        jwt.encode({**good, "iss": "another"}, KEY, algorithm="HS256"),
        jwt.encode({**good, "sub": "admin"}, KEY, algorithm="HS256"),
        jwt.encode({**good, "fam": "x"}, KEY, algorithm="HS256"),
        "",
        "a.b.c",
    ):
        with pytest.raises(Unauthenticated):
            TOKENS.read_access(token)


@given(st.integers(0, 2**32 - 1), st.uuids())
def test_a_refresh_token_reads_back_and_is_the_same_each_time(generation: int, family: UUID) -> None:
    token = TOKENS.refresh(family, generation)
    assert TOKENS.read_refresh(token) == (family, generation)
    assert TOKENS.refresh(family, generation) == token


@given(st.integers(0, 51), st.integers(1, 255))
def test_a_refresh_token_bears_no_bent_byte(place: int, change: int) -> None:
    raw = bytearray(jwt.utils.base64url_decode(TOKENS.refresh(FAMILY, 3)))
    raw[place] ^= change
    with pytest.raises(Unauthenticated):
        TOKENS.read_refresh(jwt.utils.base64url_encode(bytes(raw)).decode())


@given(st.text(max_size=120))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(Unauthenticated):
        TOKENS.read_refresh(text)


def test_generations_and_devices_have_tokens_of_their_own() -> None:
    made = {TOKENS.refresh(family, generation) for family in (uuid4(), uuid4()) for generation in range(50)}
    assert len(made) == 100
    assert not made & {Tokens(bytes(32)).refresh(FAMILY, 0)}
