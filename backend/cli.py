"""The command `niangjia`: each subcommand calls one operation. What it needs is imported when it is called."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from backend.operations.data_folder import data_folder, running_environment
from backend.operations.refusal import Refusal
from backend.settings import SettingsError

Run = Callable[[argparse.Namespace], int | None]
T = TypeVar("T")


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; the exit status, 2 where the operator has to change something first."""
    os.environ.setdefault("PICCOLO_CONF", "backend.piccolo_conf")
    parsed = _parser().parse_args(arguments)
    run: Run = parsed.run
    try:
        return run(parsed) or 0
    except (SettingsError, Refusal) as error:
        sys.stderr.write(f"niangjia: {error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="niangjia", description="娘家 Niangjia")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Run, words: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=words, description=words)
        made.set_defaults(run=run)
        return made

    command("run", _run, "start everything on this machine for a demonstration: database, store, api, console, worker")
    command("migrate", _migrate, "bring the database up to date and let the processes log in")
    command("store-setup", _store_setup, "make the store's buckets and users")
    command("api", _api, "serve the phone's API (NIANGJIA_API_HOST, NIANGJIA_API_PORT, NIANGJIA_API_WORKERS)")
    command("console", _console, "serve the console (NIANGJIA_CONSOLE_HOST, NIANGJIA_CONSOLE_PORT)")
    command("worker", _worker, "do queued jobs and keep deadlines")
    install = command("install", _install, "begin production: working days, the union at the top, two first accounts")
    install.add_argument("name", help="the union at the top, such as 泰安市总工会")
    install.add_argument("--level", default="city", choices=["national", "province", "city", "county", "unit"])
    install.add_argument("--kind", default="federation")
    install.add_argument("--uscc", help="its unified social credit code")
    install.add_argument("--area", help="its area code, six digits")
    command("seed", _seed, "fill an empty database with the invented data of a demonstration")
    health = command("health", _health, "exit 0 if a process is well: for health checks")
    health.add_argument("what", help="an address of /health/ready, or `worker` beside the worker")
    command("doctor", _doctor, "look at everything once and say what to do; exit 1 if something fails")
    command("tour", _tour, "play the whole story against a running stack")
    audit = command("audit", _audit_verify, "the audit log and the events of cases").add_subparsers(metavar="WHAT")
    verifying = audit.add_parser("verify", help="read all of it; exit 1 if anything is not as it was sealed")
    verifying.add_argument("--head", help="a head noted earlier, NUMBER:HASH, as the worker logs it")
    verifying.set_defaults(run=_audit_verify)
    backup = command("backup", _backup, "save the database and its papers in one encrypted file")
    backup.add_argument("folder", type=Path)
    for name, run, words in (
        ("restore", _restore, "bring a backup back to an empty database and an empty store"),
        ("verify", _verify, "read all of a backup and hash it; exit 2 if it cannot be relied on"),
    ):
        kept = command(name, run, words)
        kept.add_argument("file", type=Path)
        kept.add_argument("--key", type=Path, required=True, help="the file with the secret key of backups")
        if name == "restore":
            kept.add_argument("--resume", action="store_true", help="go on with a restore that was killed")
        else:
            kept.add_argument(
                "--restored", action="store_true", help="compare this machine with it; exit 1 if it differs"
            )
    making = command("backup-key", _backup_key, "make the key of backups; keep the file away from the machine")
    making.add_argument("file", type=Path)
    command("openapi", _openapi, "print the OpenAPI document").add_argument("file", nargs="?", type=Path)
    command("totp", _totp, "print the present second factor of the demonstration's console accounts")
    papers = commands.add_parser("documents", help="papers and their files").add_subparsers(
        metavar="WHAT", required=True
    )
    comparing = papers.add_parser("audit", help="compare rows and files both ways; exit 1 where they disagree")
    comparing.add_argument("--quick", action="store_true", help="compare sizes, read no file")
    comparing.add_argument(
        "--repair",
        action="append",
        default=[],
        choices=["restore", "redraw", "lock", "refuse", "remove"],
        help="bring back deleted files, make their pictures and copies anew, lock them as their rows say, refuse papers"
        " without their file, erase files without a row",
    )
    comparing.set_defaults(run=_documents_audit)
    jobs = command("jobs", _jobs, "jobs that were parked after their last try; exit 1 if there are any").add_subparsers(
        metavar="WHAT"
    )
    jobs.add_parser("parked", help="list them (the default)").set_defaults(run=_jobs)
    again = jobs.add_parser("retry", help="try them again, once the cause is gone")
    again.add_argument("id", nargs="*", type=int, help="numbers of jobs; all where none is given")
    again.set_defaults(run=_jobs_retry)
    clock = command("clock", _clock_show, "business time, in a demonstration").add_subparsers(metavar="WHAT")
    clock.add_parser("show", help="tell business time").set_defaults(run=_clock_show)
    clock.add_parser("reset", help="give it back to the machine's clock").set_defaults(run=_clock_reset)
    setting = clock.add_parser("set", help="make it run on from an instant, such as 2026-03-02T10:00:00+08:00")
    setting.add_argument("instant", type=datetime.fromisoformat)
    setting.set_defaults(run=_clock_set)
    return parser


def _run(parsed: argparse.Namespace) -> int:
    from backend.operations.supervisor import run

    return run()


def _migrate(parsed: argparse.Namespace) -> None:
    from backend.operations.migrate import PROCESS_ROLES, migrate

    asyncio.run(migrate({role: os.environ.get(f"{role.upper()}_DB_PASSWORD", "") for role in PROCESS_ROLES}))


def _store_setup(parsed: argparse.Namespace) -> None:
    from backend.operations.store_setup import set_up_store

    sys.stdout.write(f"{set_up_store()}\n")


def _api(parsed: argparse.Namespace) -> None:
    _serve("backend.asgi:app", "API", 8000)


def _console(parsed: argparse.Namespace) -> None:
    _serve("admin.asgi:app", "CONSOLE", 8001)


def _serve(target: str, name: str, port: int) -> None:
    from backend.operations.web_server import serve
    from backend.settings import settings

    proxies = settings().proxies  # A wrong or missing variable is told in one line, before any process is started.
    serve(
        target,
        os.environ.get(f"NIANGJIA_{name}_HOST", "127.0.0.1"),
        int(os.environ.get(f"NIANGJIA_{name}_PORT", port)),
        int(os.environ.get(f"NIANGJIA_{name}_WORKERS", "1")),
        proxies,
    )


def _worker(parsed: argparse.Namespace) -> None:
    from backend.worker import run

    asyncio.run(run())


def _install(parsed: argparse.Namespace) -> None:
    from backend.database import close_pool, open_pool
    from backend.identity import Level
    from backend.operations.install import install
    from backend.unions.policy import UnionInput

    async def installing() -> None:
        await open_pool(min_size=1, max_size=2)
        try:
            top = UnionInput(parsed.name, Level(parsed.level), parsed.kind, parsed.uscc, parsed.area)
            for username, password in (await install(top)).items():
                sys.stdout.write(f"{username}  {password}\n")
        finally:
            await close_pool()

    asyncio.run(installing())


def _seed(parsed: argparse.Namespace) -> None:
    from backend.operations.business_clock import require_demo

    require_demo(os.environ.get("NIANGJIA_MODE"))
    from backend.composition import compose
    from backend.database import close_pool, open_pool
    from backend.operations.demo import seed
    from backend.settings import settings

    async def seeding() -> None:
        await open_pool(min_size=1, max_size=4)
        try:
            await seed(compose(settings()), _required("NIANGJIA_DEMO_PASSWORD"), _required("NIANGJIA_DEMO_TOTP"))
        finally:
            await close_pool()

    asyncio.run(seeding())


def _health(parsed: argparse.Namespace) -> int:
    from backend.operations.sign_of_life import is_well

    return 0 if is_well(parsed.what) else 1


def _doctor(parsed: argparse.Namespace) -> int:
    _join_running_stack()
    from backend.operations.doctor.examination import examine

    return asyncio.run(examine(os.environ, sys.stdout.write))


def _tour(parsed: argparse.Namespace) -> int:
    _join_running_stack()
    from backend.operations.tour import main as tour

    return tour()


def _audit_verify(parsed: argparse.Namespace) -> int:
    _join_running_stack()
    from backend.operations.audit_report import verify_all

    return asyncio.run(verify_all(getattr(parsed, "head", None), sys.stdout.write))


def _backup(parsed: argparse.Namespace) -> int:
    _join_running_stack()
    from backend.operations.backup.commands import back_up

    return asyncio.run(back_up(parsed.folder))


def _restore(parsed: argparse.Namespace) -> int:
    from backend.operations.backup.commands import bring_back

    return asyncio.run(bring_back(parsed.file, parsed.key, resume=parsed.resume))


def _verify(parsed: argparse.Namespace) -> int:
    from backend.operations.backup.commands import verify

    return asyncio.run(verify(parsed.file, parsed.key, restored=parsed.restored))


def _backup_key(parsed: argparse.Namespace) -> None:
    from backend.operations.backup.keys import RECIPIENTS, make_key

    sys.stdout.write(f"{RECIPIENTS}={make_key(parsed.file)}\n")


def _openapi(parsed: argparse.Namespace) -> None:
    from backend.operations.openapi_document import openapi_document

    if parsed.file is None:
        sys.stdout.write(f"{openapi_document()}\n")
    else:
        parsed.file.write_text(f"{openapi_document()}\n", encoding="utf-8")


def _documents_audit(parsed: argparse.Namespace) -> int:
    _join_running_stack()
    from backend.documents.consistency import Repair
    from backend.operations.documents_audit import audit_documents

    repairs = frozenset(Repair(name) for name in parsed.repair)
    return 0 if asyncio.run(audit_documents(quick=parsed.quick, repairs=repairs)) else 1


def _jobs(parsed: argparse.Namespace) -> int:
    from backend.operations.parked_jobs import show_parked

    return 0 if asyncio.run(_with_pool(lambda: show_parked(sys.stdout.write))) else 1


def _jobs_retry(parsed: argparse.Namespace) -> None:
    from backend.operations.parked_jobs import retry_parked

    asyncio.run(_with_pool(lambda: retry_parked(parsed.id, sys.stdout.write)))


async def _with_pool(work: Callable[[], Awaitable[T]]) -> T:
    """Do the work with a pool of one connection to the database of this environment, or of the stack that runs."""
    _join_running_stack()
    from backend.database import close_pool, open_pool

    await open_pool(min_size=1, max_size=1)
    try:
        return await work()
    finally:
        await close_pool()


def _clock_show(parsed: argparse.Namespace) -> None:
    from backend.operations.business_clock import business_time

    now, moved_by = asyncio.run(business_time(_owner_dsn()))
    sys.stdout.write(f"{now.isoformat(timespec='seconds')} ({'moved' if moved_by else 'not moved'})\n")


def _clock_set(parsed: argparse.Namespace) -> None:
    from backend.clock import LOCAL, set_business_clock

    instant: datetime = parsed.instant
    asyncio.run(set_business_clock(_owner_dsn(), instant if instant.tzinfo else instant.replace(tzinfo=LOCAL)))
    _clock_show(parsed)


def _clock_reset(parsed: argparse.Namespace) -> None:
    from backend.operations.business_clock import reset_business_clock

    asyncio.run(reset_business_clock(_owner_dsn()))
    _clock_show(parsed)


def _totp(parsed: argparse.Namespace) -> None:
    _join_running_stack()
    import pyotp

    sys.stdout.write(f"{pyotp.TOTP(_required('NIANGJIA_DEMO_TOTP')).now()}\n")


def _required(name: str) -> str:
    if not os.environ.get(name):
        raise SettingsError(f"{name} is not set")
    return os.environ[name]


def _owner_dsn() -> str:
    """The owner's way into the database of the demonstration that the environment or the data folder names."""
    from backend.operations.business_clock import require_demo

    _join_running_stack()
    if not os.environ.get("DATABASE_URL"):
        raise SettingsError(f"nothing runs on {data_folder()}: `make run` first, or set DATABASE_URL")
    require_demo(os.environ.get("NIANGJIA_MODE"))
    return os.environ["DATABASE_URL"]


def _join_running_stack() -> None:
    """Take over the environment of the `niangjia run` on the data folder, where none is given."""
    if not os.environ.get("DATABASE_URL"):
        os.environ.update(running_environment(data_folder()) or {})


if __name__ == "__main__":
    sys.exit(main())
