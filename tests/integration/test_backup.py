"""A backup brings back every row and file to an empty machine, on both stores; what is not whole is never believed."""

from __future__ import annotations

import asyncio
import io
import os
import resource
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pyrage
import pytest
from PIL import Image

from backend.database import execute, fetch_value
from backend.operations.backup.archive import HALF, SUFFIX, ArchiveError, Member, members, written
from backend.operations.backup.check import checked
from backend.operations.backup.keys import RECIPIENTS, identities, make_key
from backend.operations.backup.manifest import MANIFEST
from backend.operations.backup.papers import Expected, take
from backend.operations.embedded_postgres import OWNER, SUPERUSER, dsn_at
from backend.operations.embedded_store import Store, embedded, minio, minio_binary, weed_binary
from backend.operations.migrate import known_migrations
from backend.operations.refusal import Refusal
from backend.operations.servers import free_ports
from storage.keys import Bucket, Retention, rendition_key
from storage.port import ObjectMissing, StoreConfig, StoreRefused
from storage.s3 import S3Store
from storage.setup import Process, set_up
from tests import services
from tests.integration.paper_world import World, attach, jpeg, make_world

BOTH = pytest.mark.parametrize("kind", ["embedded", "minio"])
TARGET = f"{services.DATABASE}_restored"


@dataclass(frozen=True)
class Machine:
    """Where a command works: a database, a store, the operator's rights on both."""

    database: str
    store: StoreConfig
    is_minio: bool = False

    @property
    def dsn(self) -> str:
        return dsn_at(services.folder() / "postgres", OWNER, self.database)

    def environment(self, **more: str) -> dict[str, str]:
        users = {
            f"NIANGJIA_S3_{process.upper()}_{word}_KEY": value
            for process, user in services.USERS.processes.items()
            for word, value in (("ACCESS", user.access_key), ("SECRET", user.secret_key))
        }
        return {
            **os.environ,
            **services.environment(Process.WORKER),
            **users,
            "DATABASE_URL": self.dsn,
            "NIANGJIA_S3_ENDPOINT": self.store.endpoint,
            "NIANGJIA_S3_ACCESS_KEY": self.store.access_key,
            "NIANGJIA_S3_SECRET_KEY": self.store.secret_key,
            **more,
        }

    def start(self, *words: str | Path, **more: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "backend.cli", *map(str, words)],
            env=self.environment(**more),
            stdout=subprocess.DEVNULL,
        )

    async def niangjia(self, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "backend.cli", *map(str, words)],
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture
def kind() -> str:
    """Which store the target has; what may depend on it asks for both."""
    return "embedded"


@pytest.fixture
def empty_store(kind: str, tmp_path: Path) -> Iterator[Store]:
    """An S3 server without a bucket."""
    start, binary = (embedded, weed_binary()) if kind == "embedded" else (minio, minio_binary())
    if binary is None:
        pytest.skip(f"no {kind} store is at hand (`make minio` builds MinIO where Go 1.24 or newer is)")
    (port,) = free_ports(1)
    with start(binary, tmp_path / "store", port, services.USERS, services.PREFIX) as started:
        yield started


@pytest.fixture
async def target(postgres: None, empty_store: Store) -> AsyncIterator[Machine]:
    """An empty machine."""
    async with database_of_its_own(TARGET):
        yield Machine(TARGET, empty_store.config, is_minio=empty_store.is_minio)


@asynccontextmanager
async def database_of_its_own(name: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(dsn_at(services.folder() / "postgres", SUPERUSER, "postgres"))
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{name}" OWNER {OWNER}')
        yield
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await connection.close()


@pytest.fixture
def source(object_store: Store) -> Machine:
    return Machine(services.DATABASE, object_store.config)


@pytest.fixture
async def world(database: None, store: S3Store) -> World:
    return await make_world(store)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    made = tmp_path / "key"
    make_key(made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "backups"
    made.mkdir()
    return made


def recipient(key: Path) -> str:
    return str(identities(key)[0].to_public())


async def backed_up(machine: Machine, folder: Path, key: Path) -> Path:
    """A backup of the machine."""
    told = await machine.niangjia("backup", folder, **{RECIPIENTS: recipient(key)})
    assert told.returncode == 0, told.stdout + told.stderr
    (path,) = folder.iterdir()
    assert told.stdout.startswith(f"{path}\n✓ ")
    return path


async def key_of(upload: UUID) -> str:
    found: str = await fetch_value("SELECT object_key FROM upload WHERE id = $1", upload)
    return found


async def facts_of(machine: Machine) -> dict[str, object]:
    """All that a database holds and enforces, found by other means than the backup's."""
    connection = await asyncpg.connect(machine.dsn)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        facts: dict[str, object] = {}
        for (table,) in tables:
            if table in ("audit_entry", "unsealed"):
                continue  # They tell of the backup and the restore themselves.
            facts[table] = await connection.fetchval(
                f"SELECT count(*) || coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '')"
                f' FROM public."{table}" t'
            )
        for name, query in {
            "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname",
            "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated"
            " FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
            "triggers": "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal"
            " ORDER BY 1, 2",
            "rights": "SELECT grantee, table_name, privilege_type FROM information_schema.role_table_grants"
            " WHERE table_schema = 'public' ORDER BY 1, 2, 3",
            "policies": "SELECT tablename, policyname, qual FROM pg_policies ORDER BY 1, 2",
        }.items():
            facts[name] = [tuple(row) for row in await connection.fetch(query)]
        facts["number"] = await connection.fetchval("SELECT nextval('application_number')")
        return facts
    finally:
        await connection.close()


async def is_untouched(machine: Machine) -> bool:
    connection = await asyncpg.connect(machine.dsn)
    try:
        return not await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    finally:
        await connection.close()


@BOTH
async def test_every_row_file_and_lock_comes_back_to_an_empty_machine(
    world: World, store: S3Store, source: Machine, target: Machine, folder: Path, key: Path
) -> None:
    photo = jpeg("navy")
    checked_one, locked, erased = await world.checked(photo), await world.checked(), await world.checked()
    until = (datetime.now(UTC) + timedelta(days=90)).replace(microsecond=0)
    for name in (await key_of(locked), rendition_key(await key_of(locked))):
        await store.lock_until(name, until, Retention.GOVERNANCE)
    waiting = await world.send(jpeg("red"))
    await world.documents.complete(world.nurse, waiting)
    await store.erase(await key_of(erased))
    await execute("UPDATE upload SET state = 'erased', rendition_key = NULL WHERE id = $1", erased)
    await attach(world, checked_one)
    await execute("SELECT nextval('application_number')")

    path = await backed_up(source, folder, key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (await key_of(checked_one)).encode() not in path.read_bytes()
    told = await source.niangjia("verify", path, "--key", key)
    assert told.returncode == 0, told.stderr
    assert " 7 files of " in told.stdout

    before = await facts_of(source)
    told = await target.niangjia("restore", path, "--key", key)
    assert told.returncode == 0, told.stdout + told.stderr
    assert await facts_of(target) == before

    there = S3Store(target.store)
    try:
        name = await key_of(checked_one)
        assert await there.read(Bucket.DOCUMENTS, name, cap=len(photo)) == photo
        assert (await there.head(Bucket.DOCUMENTS, name)).content_type == "image/jpeg"
        for bucket, held in ((Bucket.DOCUMENTS, name), (Bucket.DOCUMENTS, rendition_key(name))):
            assert await there.read(bucket, held, cap=10**7) == await store.read(bucket, held, cap=10**7)
        name = await key_of(waiting)
        assert await there.read(Bucket.QUARANTINE, name, cap=10**7) == jpeg("red")
        assert await there.lock_of(await key_of(locked)) == (until, Retention.GOVERNANCE)
        with pytest.raises(StoreRefused):
            await there.erase(await key_of(locked))
        assert await there.lock_of(await key_of(checked_one)) is None
    finally:
        there.close()

    # A process logs in and finds what it may see.
    api = await asyncpg.connect(dsn_at(services.folder() / "postgres", "niangjia_api", TARGET))
    assert await api.fetchval("SELECT count(*) FROM upload") == 4
    await api.close()
    assert (await target.niangjia("audit", "verify")).returncode == 0


async def test_a_machine_is_compared_with_a_backup_row_by_row_and_file_by_file(
    world: World, store: S3Store, source: Machine, folder: Path, key: Path, empty_store: Store
) -> None:
    one, other = await world.checked(), await world.checked()
    path = await backed_up(source, folder, key)
    async with database_of_its_own(TARGET):
        target = Machine(TARGET, empty_store.config, is_minio=empty_store.is_minio)
        assert (await target.niangjia("restore", path, "--key", key)).returncode == 0
        connection = await asyncpg.connect(target.dsn)
        # What the restore put on record itself is not in the backup.
        await connection.execute("DELETE FROM audit_entry WHERE act = 'backup.restore'; DELETE FROM unsealed")
        await connection.execute(
            "INSERT INTO unsealed (id, source) SELECT id, 'audit_entry' FROM audit_entry ORDER BY id"
        )
        told = await target.niangjia("verify", path, "--key", key, "--restored")
        assert told.returncode == 0, told.stdout
        await connection.execute("UPDATE upload SET version = version + 1 WHERE id = $1", one)
        there = S3Store(target.store)
        await there.erase(await key_of(other))
        told = await target.niangjia("verify", path, "--key", key, "--restored")
        await there.put(Bucket.DOCUMENTS, await key_of(other), b"another", content_type="image/jpeg")
        again = await target.niangjia("verify", path, "--key", key, "--restored")
        there.close()
        await connection.close()
    assert told.returncode == 1
    assert told.stdout.splitlines()[1:] == [
        "✗ table upload: 2 rows, 2 in the backup",
        f"✗ documents {await key_of(other)}",
        "✗ store: 5 files, 6 in the backup",
        "3 differences",
    ]
    assert f"✗ documents {await key_of(other)}" in again.stdout


async def test_a_target_that_is_not_empty_is_left_as_it_is(
    world: World, source: Machine, target: Machine, folder: Path, key: Path
) -> None:
    await world.checked()
    path = await backed_up(source, folder, key)
    set_up(target.store)
    there = S3Store(target.store)
    await there.put(Bucket.DOCUMENTS, "somebody's", b"x", content_type="image/jpeg")
    told = await target.niangjia("restore", path, "--key", key)
    assert (told.returncode, await is_untouched(target)) == (2, True)
    assert "The store is not empty" in told.stderr
    # Even where files are allowed to be there, a stranger's is not.
    told = await target.niangjia("restore", path, "--key", key, "--resume")
    assert (told.returncode, await is_untouched(target)) == (2, True)
    assert "The store holds 4 files, the backup 3" in told.stderr
    await there.erase("somebody's")
    there.close()

    connection = await asyncpg.connect(target.dsn)
    await connection.execute("CREATE TABLE somebodys (id int)")
    told = await target.niangjia("restore", path, "--key", key, "--resume")
    assert told.returncode == 2
    assert "The database is not empty" in told.stderr
    await connection.execute("DROP TABLE somebodys")
    await connection.close()
    assert (await target.niangjia("restore", path, "--key", key, "--resume")).returncode == 0


@BOTH
async def test_a_restore_that_is_killed_leaves_an_empty_database_and_can_be_gone_on_with(
    world: World, source: Machine, target: Machine, folder: Path, key: Path
) -> None:
    for number in range(12):
        await world.checked(jpeg(f"#0000{number:02}", (1600, 1200)))
    path = await backed_up(source, folder, key)
    process = target.start("restore", path, "--key", key)
    there = S3Store(target.store)
    while True:
        try:
            if await there.list_after(Bucket.DOCUMENTS):
                break
        except ObjectMissing:
            assert process.poll() is None
        await asyncio.sleep(0.005)
    process.kill()
    process.wait()
    assert await is_untouched(target)
    assert len(await there.list_after(Bucket.DOCUMENTS)) < 24, "it was killed too late to show anything"
    there.close()
    told = await target.niangjia("restore", path, "--key", key, "--resume")
    assert told.returncode == 0, told.stderr
    assert await facts_of(target) == await facts_of(source)


async def test_a_backup_that_is_killed_leaves_nothing_that_looks_whole(
    world: World, source: Machine, folder: Path, key: Path
) -> None:
    await world.checked()
    process = source.start("backup", folder, **{RECIPIENTS: recipient(key)})
    while not list(folder.glob(f"*{HALF}")):
        assert process.poll() is None
        await asyncio.sleep(0.001)
    process.kill()
    process.wait()
    (left,) = folder.iterdir()
    assert left.name.endswith(HALF)
    assert left.stat().st_mode & 0o077 == 0
    path = await backed_up(source, folder, key)
    assert (await source.niangjia("verify", path, "--key", key)).returncode == 0


async def test_a_full_disk_leaves_no_file_and_says_so(world: World, source: Machine, folder: Path, key: Path) -> None:
    await world.checked(jpeg("olive", (2000, 1500)))

    def short_of_space() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    told = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "backend.cli", "backup", str(folder)],
        env=source.environment(**{RECIPIENTS: recipient(key)}),
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=short_of_space,
    )
    assert told.returncode == 2, told.stdout
    assert "The backup cannot be written" in told.stderr
    assert "Traceback" not in told.stderr
    assert list(folder.iterdir()) == []


async def test_a_file_that_the_store_lacks_is_told_and_a_paper_taken_away_meanwhile_is_no_fault(
    world: World, store: S3Store, source: Machine, folder: Path, key: Path
) -> None:
    gone, erased, changed, moved = [await world.checked() for _ in range(3)] + [await world.send(jpeg())]
    await world.documents.complete(world.nurse, moved)
    await store.erase(await key_of(gone))
    name = await key_of(changed)
    await store.erase(name)
    await store.put(Bucket.DOCUMENTS, name, b"something else", content_type="image/jpeg")
    told = await source.niangjia("backup", folder, **{RECIPIENTS: recipient(key)})
    assert told.returncode == 1
    assert {line for line in told.stdout.splitlines() if line.startswith("✗")} == {
        f"✗ missing documents {await key_of(gone)}",
        f"✗ differs documents {name}",
    }
    (path,) = folder.iterdir()
    assert (await source.niangjia("verify", path, "--key", key)).returncode == 0

    # After the rows were read: one paper is erased, another gets through its check and out of quarantine.
    await store.erase(await key_of(erased))
    await execute("UPDATE upload SET state = 'erased' WHERE id = $1", erased)
    await world.checking.check(moved)
    paper, fault = await take(store, Expected(Bucket.DOCUMENTS, await key_of(erased)))
    assert paper is None
    assert fault is not None
    assert fault.why == "erased"
    paper, fault = await take(store, Expected(Bucket.QUARANTINE, await key_of(moved)))
    assert fault is None
    assert paper is not None
    assert (paper.bucket, paper.content) == (Bucket.QUARANTINE, jpeg())


async def test_an_older_backup_is_brought_up_to_date_and_a_newer_one_is_refused(
    world: World, source: Machine, target: Machine, folder: Path, key: Path
) -> None:
    names = sorted(known_migrations())
    old = Machine(f"{services.DATABASE}_old", source.store)
    async with database_of_its_own(old.database):
        await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", MIGRATE_UP_TO, names[-2]],
            env=old.environment(),
            check=True,
            timeout=60,
        )
        path = await backed_up(old, folder, key)
    told = await target.niangjia("restore", path, "--key", key)
    assert told.returncode == 0, told.stderr
    connection = await asyncpg.connect(target.dsn)
    assert {row["name"] for row in await connection.fetch("SELECT name FROM migration")} == set(names)
    await connection.close()

    newer = folder / f"newer{SUFFIX}"
    with written(newer, [identities(key)[0].to_public()]) as archive:
        for member in members(path, identities(key)):
            content = member.content.replace(names[-2].encode(), b"9999-12-31T00:00:00:000000")
            archive.add(member.name, content if member.name == MANIFEST else member.content, member.about)
    told = await target.niangjia("restore", newer, "--key", key)
    assert told.returncode == 2
    assert "newer version" in told.stderr


MIGRATE_UP_TO = """
import asyncio, sys
from backend.database import close_pool, open_pool, transaction
from backend.operations.migrate import run_migrations

async def main():
    await open_pool(min_size=1, max_size=1)
    async with transaction():
        await run_migrations(sys.argv[1])
    await close_pool()

asyncio.run(main())
"""


@pytest.fixture
async def backup(world: World, source: Machine, folder: Path, key: Path) -> Path:
    """A backup of some hundred kilobytes."""
    await world.checked(random_picture())
    return await backed_up(source, folder, key)


async def test_nothing_that_was_tampered_with_is_believed(
    backup: Path, folder: Path, key: Path, tmp_path: Path, target: Machine
) -> None:
    whole = backup.read_bytes()
    assert checked(members(backup, identities(key))).papers.count == 3
    bad = tmp_path / "bad"
    for at in range(len(whole) // 40, len(whole), len(whole) // 20):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        for content in (bytes(flipped), whole[:at], whole[:at] + whole[at + 1 :], whole + whole[:at]):
            bad.write_bytes(content)
            with pytest.raises(ArchiveError, match=r"is damaged or not whole|is no encrypted backup"):
                checked(members(bad, identities(key)))
    for at in (0, 10, 100, 200):
        bad.write_bytes(whole[:at])
        with pytest.raises(ArchiveError, match=r"is damaged|is no encrypted backup"):
            checked(members(bad, identities(key)))
    bad.write_bytes(whole[:-1])
    told = await target.niangjia("restore", bad, "--key", key)
    assert (told.returncode, await is_untouched(target)) == (2, True)
    assert "is damaged or not whole" in told.stderr
    assert "Traceback" not in told.stderr


async def test_only_its_own_keys_open_a_backup(
    world: World, source: Machine, folder: Path, key: Path, tmp_path: Path
) -> None:
    second, stranger = tmp_path / "second", tmp_path / "stranger"
    make_key(second)
    make_key(stranger)
    told = await source.niangjia("backup", folder, **{RECIPIENTS: f"{recipient(key)}, {recipient(second)}"})
    assert told.returncode == 0
    (path,) = folder.iterdir()
    for opener in (key, second):
        assert (await source.niangjia("verify", path, "--key", opener)).returncode == 0
    told = await source.niangjia("verify", path, "--key", stranger)
    assert told.returncode == 2
    assert "This key does not open" in told.stderr


def test_what_an_insider_rearranged_within_the_envelope_is_found(backup: Path, key: Path, tmp_path: Path) -> None:
    """Whoever holds a public key can make a file; a part left out, doubled, changed or moved shows."""
    parts, openers = list(members(backup, identities(key))), identities(key)
    table = next(part for part in parts if part.name.startswith("tables/upload/"))
    paper = next(part for part in parts if part.name.startswith("papers/"))
    manifest = parts[-1]
    forged = {
        "rows": [part for part in parts if part is not table],
        "files": [part for part in parts if part is not paper],
        "no manifest": parts[:-1],
        "behind its end": [*parts, paper],
        "is not as it was written": [Member(table.name, b"x", {}), manifest],
        "is not what was put there": [Member(paper.name, b"x", paper.about), manifest],
        "is not described": [Member("elsewhere/x", b"x", {}), manifest],
        "does not know": [Member("tables/other/1.gz", table.content, {}), *parts],
        "cannot be read": [Member(MANIFEST, b"{}", {})],
    }
    for words, listed in forged.items():
        path = tmp_path / f"forged{SUFFIX}"
        with written(path, [opener.to_public() for opener in openers]) as archive:
            for part in listed:
                archive.add(part.name, part.content, part.about)
        with pytest.raises(ArchiveError, match=words):
            checked(members(path, openers))


def test_what_is_no_backup_and_what_is_no_key_is_said_plainly(key: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with other.open("wb") as file:
        pyrage.encrypt_io(io.BytesIO(b"hello" * 500_000), file, [identities(key)[0].to_public()])
    with pytest.raises(ArchiveError, match="is no backup of ours"):
        checked(members(other, identities(key)))
    with pytest.raises(ArchiveError, match="Cannot read"):
        checked(members(tmp_path / "nowhere", identities(key)))
    with pytest.raises(Refusal, match="holds no key of a backup"):
        identities(other)
    with pytest.raises(Refusal, match="Cannot write"):
        make_key(key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.parametrize(("value", "word"), [("", "backup-key"), ("age1nobody", "public keys of age")])
async def test_a_backup_to_nobody_is_refused(source: Machine, folder: Path, value: str, word: str) -> None:
    told = await source.niangjia("backup", folder, **{RECIPIENTS: value})
    assert told.returncode == 2
    assert word in told.stderr
    assert list(folder.iterdir()) == []


def random_picture() -> bytes:
    """A photograph that does not shrink."""
    out = io.BytesIO()
    Image.frombytes("RGB", (400, 300), os.urandom(360_000)).save(out, "JPEG", quality=95)
    return out.getvalue()
