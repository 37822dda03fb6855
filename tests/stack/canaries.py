"""Looks for people where none may be: in every log, error, figure, job and name in the store of a running stack.

The canaries are all people of the stack's own database: their names, ID numbers, phones, health and merits, opened with
the stack's keys after its stories were played.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import httpx

from backend.accounts.phones import PHONE_PURPOSE
from backend.clock import business_clock
from backend.commendation.nominations import MERIT_PURPOSE
from backend.insurance.enrolments import HEALTH_PURPOSE as COVER_HEALTH
from backend.people.service import People
from backend.recuperation.service import CONTACT_PURPOSE
from backend.recuperation.service import HEALTH_PURPOSE as STAY_HEALTH
from backend.sealing import KeyRing
from backend.settings import Settings
from storage.keys import Bucket
from storage.port import StoreConfig
from storage.s3 import S3Store
from tests.running_stack import Stack

#: The demonstration's phone network prints what it sends, and its banner the invented accounts to log in with: the one
#: stands for the phones and the other for the operator's screen, neither for a log.
_SHOWN = ("[SMS] ", "│")
_PARTS = 3


async def canaries(stack: Stack) -> frozenset[str]:
    """Everything personal that the stack's database holds, in plain words."""
    known = Settings.from_env(stack.operator())
    ring = KeyRing(known.field_keys, known.current_field_key, known.index_key)
    people = People(business_clock(demo=True), ring)
    connection = await asyncpg.connect(known.database_url)
    try:
        found = {row["name"] for row in await connection.fetch("SELECT name FROM person")}
        for row in await connection.fetch("SELECT type, sealed FROM person_identifier"):
            found.add(people.open(row["type"], row["sealed"]).number)
        for table, column, purpose in (
            ("worker_account", "phone_sealed", PHONE_PURPOSE),
            ("staff_record", "phone_sealed", PHONE_PURPOSE),
            ("nomination", "merit_sealed", MERIT_PURPOSE),
            ("enrolment_member", "health_sealed", COVER_HEALTH),
            ("stay_request", "health_sealed", STAY_HEALTH),
            ("stay_request", "contact_sealed", CONTACT_PURPOSE),
        ):
            for row in await connection.fetch(f"SELECT {column} FROM {table} WHERE length({column}) > 1"):
                found |= set(_words(ring.open(row[column], purpose)))
        return frozenset(word for word in found if len(word) > 1)
    finally:
        await connection.close()


def _words(opened: str) -> Iterator[str]:
    """The texts in what was sealed: one text, or a structure of them."""
    try:
        parsed = json.loads(opened)
    except ValueError:
        parsed = opened
    if not isinstance(parsed, dict):
        yield opened
        return
    for value in parsed.values():
        if (isinstance(value, str) and not value.isascii()) or str(value).isdigit():
            yield str(value)


async def places(stack: Stack) -> AsyncIterator[tuple[str, str]]:
    """Each place where no person may be found, with the text that stands there."""
    for line in stack.log().splitlines():
        if not any(mark in line for mark in _SHOWN):
            yield "log of " + line.partition("|")[0].strip(), line
    for name in ("postgres/log", "store/*/log"):
        for log in stack.folder.glob(name):
            yield name, log.read_text("utf-8", "replace")
    async with httpx.AsyncClient(trust_env=False) as client:
        for number in range(_PARTS):
            port = int(stack.environment["NIANGJIA_METRICS_PORT"]) + number
            yield "figures", (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    async for place in _kept(stack):
        yield place


async def _kept(stack: Stack) -> AsyncIterator[tuple[str, str]]:
    known = Settings.from_env(stack.operator())
    connection = await asyncpg.connect(known.database_url)
    try:
        for table, columns in (
            ("pgqueuer", "entrypoint, payload, headers, dedupe_key"),
            ("pgqueuer_log", "entrypoint, traceback"),
            ("audit_entry", "act, detail"),
            ("idempotency_key", "operation, key"),
        ):
            for row in await connection.fetch(f"SELECT {columns} FROM {table}"):
                yield table, " ".join(_plain(value) for value in row)
    finally:
        await connection.close()
    where = known.store
    store = S3Store(
        StoreConfig(where.endpoint, where.public_endpoint, where.region, where.access_key, where.secret_key)
    )
    try:
        for bucket in Bucket:
            for entry in await store.list_after(bucket, limit=10_000):
                yield "names in the store", entry.key
    finally:
        store.close()


def _plain(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


async def leaks(stack: Stack) -> set[tuple[str, str]]:
    """Every place where somebody is found, with what was found there."""
    # Digits within a longer number or a hash are nobody's.
    any_of_them = re.compile(
        "|".join(
            rf"(?<![0-9a-f]){re.escape(word)}(?![0-9a-f])" if word.isascii() else re.escape(word)
            for word in sorted(await canaries(stack), key=len, reverse=True)
        )
    )
    return {(place, found[0]) async for place, text in places(stack) for found in any_of_them.finditer(text)}


async def provoke(stack: Stack, words: frozenset[str]) -> list[str]:
    """Ask both web processes for what they refuse, with persons in every part of the request.

    The answers to those that had one in their body: an answer may name the path that was asked for, and a field that
    it does not know, but no value.
    """
    answers = []
    some = sorted(word for word in words if len(word) < 20)[:3] + sorted(word for word in words if word.isdigit())[:3]
    async with httpx.AsyncClient(trust_env=False) as client:
        for port in (stack.api, stack.console):
            for word in some:
                named: list[tuple[str, str, dict[str, Any]]] = [
                    ("GET", f"/{word}", {}),
                    ("GET", f"/api/v1/applications/{word}", {"params": {"cursor": word}}),
                    ("POST", "/api/v1/login/codes", {"json": {word: word}}),
                ]
                held: list[tuple[str, str, dict[str, Any]]] = [
                    ("POST", "/api/v1/login/codes", {"json": {"phone": f"{word}x"}}),
                    ("POST", "/api/v1/login/codes", {"content": f'{{"phone": "{word}'.encode()}),
                    ("POST", "/api/v1/login/tokens", {"json": {"phone": word, "code": word, "device": word * 100}}),
                    ("GET", "/api/v1/me", {"headers": {"Authorization": f"Bearer {word.encode().hex()}"}}),
                    ("POST", "/login", {"data": {"username": word, "password": word}}),
                ]
                for method, path, more in (*named, *held):
                    answer = await client.request(method, f"http://127.0.0.1:{port}{path}", **more)
                    assert 200 <= answer.status_code < 500, (method, path, answer.status_code)
                    if (method, path, more) in held:
                        answers.append(answer.text)
    return answers
