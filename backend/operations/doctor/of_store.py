"""How the store of papers is: whether it answers, how its buckets are set up, and what each process's user may do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime

import urllib3

from backend.clock import security_now
from backend.operations.doctor.finding import Finding, Grade, graded
from backend.settings import Settings
from backend.words import Text
from storage.keys import Bucket, new_key
from storage.port import BucketState, ObjectMissing, StoreConfig, StoreRefused
from storage.s3 import S3Administration, S3Store
from storage.setup import GRANTS, Process, Right

#: The store refuses what is signed a quarter of an hour off.
SKEW = timedelta(minutes=1)
_SETUP = Text("运行", "Run `niangjia store-setup`")


async def examine(settings: Settings, env: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Everything about the store; raises StoreUnavailable, StoreRefused."""
    where = settings.store
    config = StoreConfig(where.endpoint, where.public_endpoint, where.region, where.access_key, where.secret_key)
    store = S3Store(config)
    try:
        await store.probe()
        yield Finding(Grade.OK, Text("对象存储", "store"), f"{where.endpoint} answers {where.access_key}")
    finally:
        store.close()
    yield await asyncio.to_thread(_clock, where.endpoint)
    async for finding in _buckets(config, demo=settings.demo):
        yield finding
    async for finding in _users(config, env):
        yield finding


def _clock(endpoint: str) -> Finding:
    what = Text("存储时钟", "store clock")
    answer = urllib3.request("GET", endpoint, timeout=5.0, retries=False)
    told = answer.headers.get("Date")
    if told is None:
        return Finding(Grade.UNKNOWN, what, "the store does not tell its time")
    skew = abs(parsedate_to_datetime(told) - security_now())
    return graded(
        skew > SKEW,
        what,
        f"{skew.total_seconds():.0f} s apart",
        Text("两台机器都用 NTP 对时", "Set both machines by NTP: a store refuses what is signed at another hour"),
    )


async def _buckets(config: StoreConfig, *, demo: bool) -> AsyncIterator[Finding]:
    administration = S3Administration(config)
    for bucket in Bucket:
        what = Text(f"存储桶 {bucket}", "bucket")
        try:
            state = await asyncio.to_thread(administration.state_of, bucket)
        except StoreRefused:
            yield Finding(Grade.UNKNOWN, what, "only the store's administrator may look")
            continue
        if state is None:
            yield Finding(Grade.FAIL, what, "is missing", _SETUP)
            continue
        yield _set_up(bucket, state, what, demo=demo)


def _set_up(bucket: Bucket, state: BucketState, what: Text, *, demo: bool) -> Finding:
    words = [word for word in ("versioned", "locked", "encrypted", "public") if getattr(state, word)]
    found = ", ".join(words) or "plain"
    if state.public:
        return Finding(
            Grade.FAIL,
            what,
            found,
            Text("删去桶策略", "Take its policy away: it lets in whoever has no secret. `niangjia store-setup`"),
        )
    if bucket is Bucket.DOCUMENTS and not (state.versioned and state.locked):
        return Finding(
            Grade.FAIL,
            what,
            found,
            Text(
                "须重建并恢复备份",
                "It has to be made anew with object lock and versioning, and a backup restored to it",
            ),
        )
    return graded(
        not state.encrypted,
        what,
        found,
        Text(
            "配置 MINIO_KMS_SECRET_KEY 后运行",
            "Give the store a key (MINIO_KMS_SECRET_KEY), then `niangjia store-setup`",
        ),
        grade=Grade.WARN if demo else Grade.FAIL,
    )


async def _users(config: StoreConfig, env: Mapping[str, str]) -> AsyncIterator[Finding]:
    for process in Process:
        what = Text("存储用户", f"store user of {process}")
        access = env.get(f"NIANGJIA_S3_{process.upper()}_ACCESS_KEY")
        secret = env.get(f"NIANGJIA_S3_{process.upper()}_SECRET_KEY")
        if not (access and secret):
            yield Finding(Grade.UNKNOWN, what, "this environment does not know it")
            continue
        store = S3Store(replace(config, access_key=access, secret_key=secret))
        try:
            wrong = await _wrong_with(store, process)
        finally:
            store.close()
        yield graded(bool(wrong), what, "; ".join(wrong) or "may do what it needs, and no more", _SETUP)


async def _wrong_with(store: S3Store, process: Process) -> list[str]:
    """What a user may do against its grant, tried on listings and on a document that is not there."""
    wrong = []
    for bucket in Bucket:
        rights = GRANTS[process].get(bucket, frozenset[Right]())
        may_list = await _is_let(store.list_after(bucket, limit=1))
        if may_list is not (Right.LIST in rights):
            wrong.append(f"{'may' if may_list else 'cannot'} list {bucket}")
        if Right.LIST in rights:
            may_read = await _is_let(store.head(bucket, new_key()))
            if may_read is not (Right.READ in rights):
                wrong.append(f"{'may' if may_read else 'cannot'} read {bucket}")
    return wrong


async def _is_let(call: Awaitable[object]) -> bool:
    try:
        await call
    except ObjectMissing:
        return True
    except StoreRefused:
        return False
    return True
