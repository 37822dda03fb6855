"""The doctor finds each thing that is broken in a store."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from minio import Minio

from backend.operations.doctor import of_database, of_store
from backend.operations.doctor.finding import Grade
from backend.operations.embedded_store import Store
from backend.settings import Mode
from storage.keys import Bucket, name_of
from storage.port import StoreRefused, StoreUnavailable
from storage.s3 import S3Administration
from storage.setup import Process, policy_of
from tests import services
from tests.integration.doctor.findings import database_findings, of, of_bucket, store_findings


async def test_clocks_that_are_apart(whole: None, object_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (of_database, of_store):
        monkeypatch.setattr(module, "security_now", lambda: datetime.now(UTC) + timedelta(minutes=3))
    assert of(await database_findings(), "database clock").grade is Grade.FAIL
    assert of(await store_findings(object_store.config), "store clock").grade is Grade.FAIL


async def test_a_store_that_is_well_and_what_can_be_wrong_with_it(own_store: Store) -> None:
    found = await store_findings(own_store.config, mode=Mode.PRODUCTION)
    assert [finding.line for finding in found if finding.grade is not Grade.OK] == []
    assert of_bucket(found, Bucket.DOCUMENTS).found == "versioned, locked, encrypted"
    assert len(found) == 8

    client = Minio(
        own_store.config.endpoint.removeprefix("http://"),
        own_store.config.access_key,
        own_store.config.secret_key,
        secure=False,
    )
    names = {bucket: name_of(own_store.config.prefix, bucket) for bucket in Bucket}
    client.delete_bucket_encryption(names[Bucket.EXPORTS])
    found = await store_findings(own_store.config, mode=Mode.PRODUCTION)
    assert of_bucket(found, Bucket.EXPORTS).grade is Grade.FAIL
    assert of_bucket(await store_findings(own_store.config), Bucket.EXPORTS).grade is Grade.WARN

    client.set_bucket_policy(names[Bucket.QUARANTINE], OPEN_TO_ALL.replace("NAME", names[Bucket.QUARANTINE]))
    found = await store_findings(own_store.config)
    assert of_bucket(found, Bucket.QUARANTINE).grade is Grade.FAIL
    assert "public" in of_bucket(found, Bucket.QUARANTINE).found

    client.remove_bucket(names[Bucket.EXPORTS])
    client.remove_bucket(names[Bucket.DOCUMENTS])
    client.make_bucket(names[Bucket.DOCUMENTS])
    found = await store_findings(own_store.config)
    assert of_bucket(found, Bucket.EXPORTS).found == "is missing"
    assert of_bucket(found, Bucket.DOCUMENTS).grade is Grade.FAIL
    assert "object lock" in of_bucket(found, Bucket.DOCUMENTS).line


OPEN_TO_ALL = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["*"]},
    "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::NAME/*"]}]}"""


# The embedded store's users cannot be changed while it runs.
@pytest.mark.parametrize("own_store", ["minio"], indirect=True)
async def test_a_user_of_the_store_with_other_rights_than_its_own(own_store: Store) -> None:
    administration, user = S3Administration(own_store.config), services.USERS.processes[Process.API]
    prefix = own_store.config.prefix
    administration.ensure_user(user.access_key, user.secret_key, f"{prefix}-api", policy_of(Process.WORKER, prefix))
    found = of(await store_findings(own_store.config), "store user of api")
    assert found.grade is Grade.FAIL
    assert "may list documents" in found.found
    administration.ensure_user(user.access_key, "another secret", f"{prefix}-api", policy_of(Process.API, prefix))
    found = of(await store_findings(own_store.config), "store user of api")
    assert "cannot list quarantine" in found.found
    assert found.do is not None
    assert "store-setup" in found.do.en


async def test_a_store_that_is_away_or_knows_us_not(object_store: Store) -> None:
    with pytest.raises(StoreUnavailable):
        await store_findings(dataclasses.replace(object_store.config, endpoint="http://127.0.0.1:9"))
    with pytest.raises(StoreRefused):
        await store_findings(dataclasses.replace(object_store.config, secret_key="not-the-secret"))
