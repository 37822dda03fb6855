"""Measures a backup, its check and a restore: applications with their events, people and papers on an empty machine.

`make bench-backups CASES=200000 PAPERS=500` prints seconds, CPU and memory of each command. It asserts nothing but
that each went well. NIANGJIA_TEST_STORE=minio measures MinIO.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

import asyncpg

from tests import services

os.environ.update(services.environment())

from backend.database import close_pool, open_pool
from backend.operations.backup.keys import RECIPIENTS, make_key
from backend.operations.embedded_postgres import OWNER, SUPERUSER, dsn_at
from backend.operations.embedded_store import Store, embedded, minio, minio_binary, weed_binary
from backend.operations.servers import free_ports
from storage.keys import Bucket, new_key
from storage.s3 import S3Store
from tests.integration.paper_world import attach, make_world

TARGET = "niangjia_restored"
PAPER_BYTES = 200_000

_CASES = """
INSERT INTO person (id, name, created_at)
    SELECT md5('p' || n)::uuid, '张' || n, now() FROM generate_series(1, $1) n;
INSERT INTO application (id, number, kind, programme_version, submitted_by, subject_kind, subject_person, subject_name,
        state, stage, awaiting_role, unit_id, city_id, points, created_at, submitted_at, entered_at)
    SELECT md5('a' || n)::uuid, 'LX-' || n, 'recuperation', t.programme_version, t.submitted_by, 'person',
        md5('p' || n)::uuid, '张' || n, 'submitted', 'verification', 'unit_officer', t.unit_id, t.city_id, n % 100,
        now(), now(), now()
    FROM generate_series(1, $1) n, (SELECT * FROM application LIMIT 1) t;
INSERT INTO application_event (id, application, seq, at, actor, actor_name, role, action, from_state, to_state, body,
        previous, hash)
    SELECT md5('e' || n || s)::uuid, md5('a' || n)::uuid, s, now(), t.submitted_by, '张' || n, 'worker', 'submit',
        'draft', 'submitted', convert_to(repeat('x', 400), 'UTF8'), sha256('x'), sha256(n::text::bytea)
    FROM generate_series(1, $1) n, generate_series(1, 3) s, (SELECT * FROM application LIMIT 1) t;
"""


async def fill(store: Store, cases: int, papers: int) -> None:
    """The database and the store of this test process, with that many cases and papers."""
    await open_pool(min_size=1, max_size=4)
    documents = S3Store(store.config)
    world = await make_world(documents)
    await attach(world, await world.checked())
    connection = await asyncpg.connect(services.dsn(OWNER))
    for statement in _CASES.replace("$1", str(cases)).split(";\n")[:-1]:
        await connection.execute(statement)
    content = os.urandom(PAPER_BYTES)
    keys = [new_key() for _ in range(papers)]
    for begin in range(0, papers, 8):
        await asyncio.gather(
            *(
                documents.put(Bucket.DOCUMENTS, key, content, content_type="image/jpeg")
                for key in keys[begin : begin + 8]
            )
        )
    await connection.execute(
        "INSERT INTO upload (id, kind, owner_person, reserved_by, state, name_sealed, declared_type, declared_size,"
        " declared_sha256, object_key, reserved_at) SELECT gen_random_uuid(), 'work_permit', $1, $1, 'verified', '',"
        " 'image/jpeg', $3, sha256($4), key, now() FROM unnest($2::text[]) key",
        world.nurse.person_id,
        keys,
        len(content),
        content,
    )
    await connection.close()
    documents.close()
    await close_pool()


def run(words: list[str], environment: dict[str, str]) -> None:
    """One command, and what it took."""
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "backend.cli", *words], env=environment)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, words
    cpu = used.ru_utime + used.ru_stime
    print(f"{words[0]:8} {time.monotonic() - began:7.1f} s {cpu:7.1f} s of CPU {used.ru_maxrss // 1024:5} MB\n")


async def empty_database() -> None:
    connection = await asyncpg.connect(dsn_at(services.folder() / "postgres", SUPERUSER, "postgres"))
    await connection.execute(f'CREATE DATABASE "{TARGET}" OWNER {OWNER}')
    await connection.close()


def main(cases: int, papers: int) -> None:
    """Fill, back up, check, restore."""
    folder = Path(mkdtemp(prefix="niangjia-backups-", dir="/var/tmp"))
    start, binary = (
        (minio, minio_binary()) if os.environ.get("NIANGJIA_TEST_STORE") == "minio" else (embedded, weed_binary())
    )
    assert binary is not None
    (port,) = free_ports(1)
    with (
        services.postgres(),
        services.object_store() as store,
        start(binary, folder / "store", port, services.USERS, services.PREFIX) as other,
    ):
        asyncio.run(services.create_database())
        asyncio.run(fill(store, cases, papers))
        asyncio.run(empty_database())
        key = folder / "key"
        source = {
            **os.environ,
            **services.store_users(),
            RECIPIENTS: make_key(key),
            "DATABASE_URL": services.dsn(OWNER),
            "NIANGJIA_S3_ACCESS_KEY": store.config.access_key,
            "NIANGJIA_S3_SECRET_KEY": store.config.secret_key,
        }
        target = source | {
            "DATABASE_URL": dsn_at(services.folder() / "postgres", OWNER, TARGET),
            "NIANGJIA_S3_ENDPOINT": other.config.endpoint,
        }
        run(["backup", str(folder)], source)
        (path,) = folder.glob("*.tar.age")
        run(["verify", str(path), "--key", str(key)], source)
        run(["restore", str(path), "--key", str(key)], target)
    shutil.rmtree(folder)
    shutil.rmtree(services.folder(), ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
