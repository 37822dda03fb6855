"""The command `niangjia`: each subcommand calls one operation."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from backend.operations.migrate import PROCESS_ROLES, migrate


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; the exit status."""
    parser = argparse.ArgumentParser(prog="niangjia")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="bring the database up to date").set_defaults(run=_migrate)
    parsed = parser.parse_args(arguments)
    status: int = parsed.run(parsed) or 0
    return status


def _migrate(parsed: argparse.Namespace) -> None:
    asyncio.run(migrate({role: os.environ.get(f"{role.upper()}_DB_PASSWORD", "") for role in PROCESS_ROLES}))


if __name__ == "__main__":
    sys.exit(main())
