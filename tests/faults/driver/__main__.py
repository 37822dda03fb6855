"""`make faults`: every kind of bad day against a stack of its own; a table on the screen, `build/faults.json`."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from tests.faults.driver.blows import Report, strike
from tests.faults.driver.house import House, living

BUILD = Path("build")
BLOWS, QUICK_BLOWS = 200, 25


def main() -> int:
    """0 where nothing was wrong."""
    seed = int(os.environ.get("SEED") or secrets.randbelow(10**6))
    quick = bool(os.environ.get("QUICK"))
    count = int(os.environ.get("BLOWS") or (QUICK_BLOWS if quick else BLOWS))
    with tempfile.TemporaryDirectory(prefix="nj-faults-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        BUILD.mkdir(exist_ok=True)
        try:
            with living(House(folder / "house")) as house:
                report = asyncio.run(strike(house, seed, count))
        finally:
            for log in (folder / "house").glob("*.log"):
                shutil.copy(log, BUILD / f"faults-{log.name}")
        _tell(report)
    (BUILD / "faults.json").write_text(json.dumps({"kills": report.as_json()}, ensure_ascii=False, indent=1))
    return 1 if report.findings else 0


def _tell(report: Report) -> None:
    told = report.as_json()
    sys.stdout.write(f"seed {report.seed} · {told['blows']} blows {told['struck']} · {told['seconds']} s\n")
    for name, value in told["counts"].items():
        sys.stdout.write(f"  {name:<20} {value}\n")
    for line in report.findings:
        sys.stdout.write(f"✗ {line}\n")
    if not report.findings:
        sys.stdout.write(f"✓ {told['invariants']} invariants held after every blow\n")


if __name__ == "__main__":
    sys.exit(main())
