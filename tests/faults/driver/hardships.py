"""What else befalls a house: full disks, clocks that jump, two workers on one job, a job that can never be done."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from backend.clock import security_now, set_business_clock
from backend.operations.demo_cases import sample_paper
from backend.operations.tour.phone import Phone, Surprise, described
from storage.s3 import S3Store
from tests.faults.driver.house import House, Part, living_behind_proxies
from tests.faults.driver.invariants import check
from tests.faults.driver.lines import (
    RECOVERY_S,
    WORKER_S,
    Askers,
    Line,
    gather_askers,
    reserve,
    strain_all,
    until_as_before,
)
from tests.faults.driver.patience import Ledger
from tests.faults.driver.proxy import Fault

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
_DISKS = {"postgres": "400m", "store": "400m", "spool": "1m"}
_STRAIN_S = 6.0
_UPLOADS = 12
_STORE_LOOKS_S = 30.0


class Story:
    """What was seen, and what should not have been."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.wrong: list[str] = []

    def expect(self, what: str, held: bool, otherwise: object = "") -> None:
        """Note whether something came out as it should."""
        (self.seen if held else self.wrong).append(what if held else f"not so: {what} {otherwise}")


# ---------------------------------------------------------------------------------------------------- full disks


async def full_disks(folder: Path) -> Story:
    """The disk of the database, of the worker's spool and of the store are full in turn; needs root."""
    story = Story()
    if os.geteuid() != 0:
        story.seen.append("skipped: only root can mount a small disk")
        return story
    place = folder / "disks"
    with ExitStack() as disks:
        for name, size in _DISKS.items():
            disks.enter_context(_small_disk(place / name, size))
        (place / "spool").chmod(0o1777)
        async with living_behind_proxies(place, {"TMPDIR": str(place / "spool")}) as (house, _):
            askers = await gather_askers(house)
            await _database_full(house, askers, place / "postgres", story)
            await _spool_full(askers.phone, place / "spool", story)
            await _store_full(askers.phone, place / "store", story)
            await _all_is_well(house, story)
            await askers.cast.close()
    return story


async def _database_full(house: House, askers: Askers, disk: Path, story: Story) -> None:
    line = Line("database disk", Fault.NONE)
    with _filled(disk):
        writing = asyncio.create_task(_write_until_refused(house.dsn))
        await strain_all(askers, _STRAIN_S, line)
        story.expect("a full disk refuses what is written", await writing)
    if house.has_ended(Part.POSTGRES):
        # What a container's restart policy does.
        await asyncio.to_thread(house.start_again, Part.POSTGRES)
    await until_as_before(askers, line)
    story.expect(
        f"database disk full: answers {line.answers}, slowest {line.slowest_s:.1f} s", not line.wrong, line.wrong
    )
    story.expect(f"as before {line.recovered_s:.1f} s after there was room", not line.wrong)


async def _write_until_refused(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn)
        try:
            for _ in range(200):
                await connection.execute(
                    "CREATE TEMP TABLE IF NOT EXISTS ballast (x text);"
                    "INSERT INTO ballast SELECT repeat(md5(n::text), 200) FROM generate_series(1, 2000) n"
                )
        finally:
            await connection.close(timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return True
    return False


async def _spool_full(phone: Phone, disk: Path, story: Story) -> None:
    with _filled(disk):
        upload = await phone.upload("work_permit", sample_paper("SPOOL"))
        await asyncio.sleep(5)
        state = (await phone.call("GET", f"/documents/{upload}", 200))["state"]
        story.expect("spool full: the paper waits and is not refused", state == "uploaded", state)
    state, took = await _state_after(phone, upload)
    story.expect(f"and is checked {took:.0f} s after there was room", state == "checked", state)


async def _store_full(phone: Phone, disk: Path, story: Story) -> None:
    reserved, content = await reserve(phone, "STORE")
    with _filled(disk):
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            form = reserved["form"]
            answer = await client.post(
                form["url"], data=form["fields"], files={"file": ("x.png", content, "image/png")}
            )
        story.expect("store full: the store refuses the file", answer.status_code >= 400, answer.status_code)
        early = await phone.send("POST", f"/documents/{reserved['id']}/complete")
        story.expect("and it cannot be completed", early.status_code in (409, 422, 503), early.status_code)
    # The store looks at its disk now and then only.
    give_up = time.monotonic() + _STORE_LOOKS_S
    while True:
        try:
            await phone.send_file(reserved["form"], content, "image/png", "x.png")
            break
        except Surprise:
            if time.monotonic() > give_up:
                raise
            await asyncio.sleep(0.5)
    await phone.call("POST", f"/documents/{reserved['id']}/complete", 200)
    state, took = await _state_after(phone, reserved["id"])
    story.expect(f"sent again and checked {took:.0f} s after there was room", state == "checked", state)


@contextmanager
def _small_disk(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir(parents=True)
    folder.parent.chmod(0o711)
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", f"size={size},mode=0711", "none", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["/bin/umount", "-l", str(folder)], check=True)


@contextmanager
def _filled(disk: Path) -> Iterator[None]:
    """The disk full to the last byte."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        size = 1024 * 1024
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    try:
        yield
    finally:
        ballast.unlink()


# ---------------------------------------------------------------------------------------------------- clocks


async def jumping_clocks(folder: Path) -> Story:
    """Business time leaps and nobody is logged out; the api's own clock leaps, and phones renew their tokens."""
    story = Story()
    moved = folder / "moved"
    moved.write_text("+0\n")
    extra = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(moved),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    async with living_behind_proxies(folder / "clocks") as (house, _):
        askers = await gather_askers(house)
        phone = askers.phone
        for leap in (timedelta(days=400), timedelta(days=-400), timedelta()):
            await set_business_clock(house.dsn, security_now() + leap)
            answer = await phone.send("GET", "/documents")
            story.expect(f"business time {leap.days:+d} days: still logged in", answer.status_code == 200, answer)
        if FAKETIME.exists():
            await asyncio.to_thread(house.start_again, Part.API, extra)
            await asyncio.to_thread(house.wait_ready)
            await _clock_of_the_api(phone, moved, story)
        else:
            story.seen.append("the api's own clock: skipped, no libfaketime (apt-get install faketime)")
        await _all_is_well(house, story)
        await askers.cast.close()
    return story


async def _clock_of_the_api(phone: Phone, moved: Path, story: Story) -> None:
    """Leaps longer than a token lives, forwards and back, in the middle of a story."""
    for leap_s in (20 * 60, 0, -20 * 60, 0):
        moved.write_text(f"{leap_s:+d}\n")
        before = await phone.send("GET", "/documents")
        story.expect(
            f"the api's clock at {leap_s:+d} s: the token is good or told to be over",
            before.status_code == (401 if leap_s > 0 else before.status_code) and before.status_code in (200, 401),
            f"{before.status_code} {before.text[:200]}",
        )
        if before.status_code == 401:
            await _renew(phone, story)
        reserved = await phone.send("POST", "/documents", described(f"{leap_s}".encode()))
        story.expect("and the story goes on", reserved.status_code == 201, reserved.text[:200])


async def _renew(phone: Phone, story: Story) -> None:
    answer = await phone.send("POST", "/login/refresh", {"refresh_token": phone.refresh_token})
    story.expect("the token is renewed in mid-story", answer.status_code == 200, answer.text[:200])
    if answer.status_code == 200:
        tokens = answer.json()
        phone.refresh_token = tokens["refresh_token"]
        phone.use(tokens["access_token"])


# ---------------------------------------------------------------------------------------------------- jobs


async def jobs_in_trouble(folder: Path) -> Story:
    """Two workers share a queue, one freezes in the middle of a job, and a job comes that can never be done."""
    story = Story()
    async with living_behind_proxies(folder / "jobs") as (house, _), _connected(house.dsn) as connection:
        askers = await gather_askers(house)
        await _two_workers(house, askers.phone, connection, story)
        await _frozen_worker(house, askers.phone, connection, story)
        await _poison(house, connection, story)
        await _all_is_well(house, story)
        await askers.cast.close()
    return story


async def _two_workers(house: House, phone: Phone, connection: asyncpg.Connection, story: Story) -> None:
    since = await connection.fetchval("SELECT coalesce(max(id), 0) FROM pgqueuer_log")
    with house.another_worker():
        uploads = [await phone.upload("work_permit", sample_paper(f"PAPER {number}")) for number in range(_UPLOADS)]
        states = [(await _state_after(phone, upload))[0] for upload in uploads]
    story.expect(f"two workers check {_UPLOADS} papers", states == ["checked"] * _UPLOADS, states)
    twice = await connection.fetchval(
        "SELECT count(*) FROM (SELECT FROM pgqueuer_log WHERE id > $1 AND status = 'successful'"
        " GROUP BY job_id HAVING count(*) > 1) t",
        since,
    )
    story.expect("no job is done twice", twice == 0, twice)


async def _frozen_worker(house: House, phone: Phone, connection: asyncpg.Connection, story: Story) -> None:
    """SIGSTOP while it holds a job; another takes the job up; then the first wakes and goes on where it was."""
    for _ in range(10):
        reserved, content = await reserve(phone, "FROZEN")
        await phone.send_file(reserved["form"], content, "image/png", "x.png")
        completing = asyncio.create_task(phone.call("POST", f"/documents/{reserved['id']}/complete", 200))
        held = await _until(connection, "SELECT EXISTS (SELECT FROM pgqueuer WHERE status = 'picked')", 5.0)
        os.killpg(house.pid(Part.WORKER), signal.SIGSTOP)
        await completing
        if held and await connection.fetchval("SELECT EXISTS (SELECT FROM pgqueuer WHERE status = 'picked')"):
            break
        os.killpg(house.pid(Part.WORKER), signal.SIGCONT)
    with house.another_worker():
        state, took = await _state_after(phone, reserved["id"])
        story.expect(f"the job of a frozen worker is done by another after {took:.0f} s", state == "checked", state)
        os.killpg(house.pid(Part.WORKER), signal.SIGCONT)
        gone = await _until(connection, "SELECT NOT EXISTS (SELECT FROM pgqueuer WHERE status = 'picked')", WORKER_S)
    story.expect("the first wakes up and nothing is left over", gone)
    state = (await phone.call("GET", f"/documents/{reserved['id']}", 200))["state"]
    story.expect("and the paper is what it was", state == "checked", state)


async def _poison(house: House, connection: asyncpg.Connection, story: Story) -> None:
    """A job whose subject is no id fails at every try: tried later each time, parked, shown, mended, done."""
    job = await connection.fetchval(
        "INSERT INTO pgqueuer (priority, entrypoint, payload, status, execute_after)"
        " VALUES (0, 'check_upload', 'poison', 'queued', now()) RETURNING id"
    )
    delays: list[float] = []
    for tried in (1, 2, 3):
        await _until(connection, f"SELECT attempts >= {tried} FROM pgqueuer WHERE id = {job}", 60)
        due = "SELECT extract(epoch FROM execute_after - updated)::float8 FROM pgqueuer WHERE id = $1"
        delays.append(await connection.fetchval(due, job))
    story.expect(
        f"a poison job waits longer each time: {[round(delay) for delay in delays]} s", delays == sorted(delays)
    )
    # The rest of its tries would take minutes.
    await connection.execute("UPDATE pgqueuer SET attempts = 9, execute_after = now() WHERE id = $1", job)
    parked = await _until(connection, f"SELECT status = 'failed' FROM pgqueuer WHERE id = {job}", 60)
    story.expect("after its last try it is parked", parked)
    told = await asyncio.to_thread(house.command, "jobs")
    shown = f"{job} check_upload poison 10 " in told.stdout and "ValueError" in told.stdout
    story.expect("`niangjia jobs` shows it and says so by its exit status", shown and told.returncode == 1, told.stdout)
    upload = await connection.fetchval("SELECT id FROM upload WHERE state = 'checked' LIMIT 1")
    await connection.execute("UPDATE pgqueuer SET payload = convert_to($2, 'UTF8') WHERE id = $1", job, str(upload))
    await asyncio.to_thread(house.command, "jobs", "retry", str(job))
    done = await _until(connection, f"SELECT NOT EXISTS (SELECT FROM pgqueuer WHERE id = {job})", 60)
    story.expect("mended and tried again it is done", done)


# ---------------------------------------------------------------------------------------------------- servers


async def killed_servers(folder: Path) -> Story:
    """The process that answers is killed, and the one that watches over it is not: it starts another."""
    story = Story()
    async with living_behind_proxies(folder / "servers") as (house, _):
        for part in (Part.API, Part.CONSOLE):
            killed, began = house.servers(part), time.monotonic()
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            while time.monotonic() < began + RECOVERY_S and not house.has_ended(part):
                replaced = bool(set(house.servers(part)) - set(killed))
                if replaced and await asyncio.to_thread(house.is_ready):
                    break
                await asyncio.sleep(0.1)
            took = time.monotonic() - began
            well = bool(killed) and not house.has_ended(part) and took < RECOVERY_S
            story.expect(f"the {part} answers again {took:.1f} s after its server was killed", well)
        await _all_is_well(house, story)
    return story


# ---------------------------------------------------------------------------------------------------- shared


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def _until(connection: asyncpg.Connection, sql: str, seconds: float) -> bool:
    give_up = time.monotonic() + seconds
    while not await connection.fetchval(sql):
        if time.monotonic() > give_up:
            return False
        await asyncio.sleep(0.005)
    return True


async def _state_after(phone: Phone, upload: str) -> tuple[str, float]:
    """What the worker made of a paper, and the seconds that took."""
    began = time.monotonic()
    state = "uploaded"
    while state == "uploaded" and time.monotonic() < began + WORKER_S:
        state = str((await phone.call("GET", f"/documents/{upload}", 200))["state"])
        await asyncio.sleep(0.1)
    return state, time.monotonic() - began


async def _all_is_well(house: House, story: Story) -> None:
    store = S3Store(house.store_config)
    try:
        wrong = await check(house.dsn, store, Ledger())
    finally:
        store.close()
    story.expect("every invariant holds", not wrong, wrong)


Chapter = Callable[[Path], Awaitable[Story]]
CHAPTERS: dict[str, Chapter] = {
    "disks": full_disks,
    "clocks": jumping_clocks,
    "jobs": jobs_in_trouble,
    "servers": killed_servers,
}


def as_json(story: Story) -> dict[str, Any]:
    """For the file."""
    return {"seen": story.seen, "findings": story.wrong}
