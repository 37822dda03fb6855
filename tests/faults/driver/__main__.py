"""`make faults`: every kind of bad day against a stack of its own; a table on the screen, `build/faults.json`."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from tests.faults.driver.blows import LIMIT_S, Blow, strike
from tests.faults.driver.hardships import CHAPTERS, as_json
from tests.faults.driver.house import living_behind_proxies
from tests.faults.driver.lines import FAULTS, gather_askers, strain

BUILD = Path("build")
BLOWS, QUICK_BLOWS = 200, 25
STRAIN_S = 10.0


def main() -> int:
    """0 where nothing was wrong."""
    seed = int(os.environ.get("SEED") or secrets.randbelow(10**6))
    quick = bool(os.environ.get("QUICK"))
    count = int(os.environ.get("BLOWS") or (QUICK_BLOWS if quick else BLOWS))
    minutes = float(os.environ.get("MINUTES") or LIMIT_S / 60)
    chapters: dict[str, Callable[[Path], Awaitable[dict[str, Any]]]] = {
        "kills": lambda folder: _kills(folder, seed, count, minutes),
        "lines": _lines,
        **{name: partial(_hardship, name) for name in CHAPTERS},
    }
    only = (os.environ.get("ONLY") or ",".join(chapters)).split(",")
    BUILD.mkdir(exist_ok=True)
    told: dict[str, Any] = {"seed": seed}
    for name in only:
        with tempfile.TemporaryDirectory(prefix="nj-faults-") as place:
            folder = Path(place)
            folder.chmod(0o711)
            try:
                told[name] = asyncio.run(_run(chapters[name], folder))
            finally:
                for log in folder.glob("*/*.log"):
                    shutil.copy(log, BUILD / f"faults-{name}-{log.name}")
        (BUILD / "faults.json").write_text(json.dumps(told, ensure_ascii=False, indent=1, default=str))
    findings = [line for name in only for line in told[name]["findings"]]
    for line in findings:
        sys.stdout.write(f"✗ {line}\n")
    sys.stdout.write(f"✓ nothing was wrong (seed {seed})\n" if not findings else f"{len(findings)} findings\n")
    return 1 if findings else 0


async def _run(chapter: Callable[[Path], Awaitable[dict[str, Any]]], folder: Path) -> dict[str, Any]:
    return await chapter(folder)


async def _kills(folder: Path, seed: int, count: int, minutes: float) -> dict[str, Any]:
    sys.stdout.write(f"■ kills: at most {count} blows in {minutes:.0f} minutes, seed {seed}\n")

    def tell(blow: Blow) -> None:
        if blow.number % 10 == 0 or blow.wrong:
            sys.stdout.write(f"  {blow.number:4d} {blow.part:<9} ready after {blow.ready_s:.1f} s {blow.wrong or ''}\n")
            sys.stdout.flush()

    async with living_behind_proxies(folder / "kills") as (house, _):
        report = (await strike(house, seed, count, limit_s=minutes * 60, tell=tell)).as_json()
    sys.stdout.write(f"  {report['blows']} blows {report['struck']} in {report['seconds']} s\n")
    for name, value in report["counts"].items():
        sys.stdout.write(f"  {name:<20} {value}\n")
    return report


async def _hardship(name: str, folder: Path) -> dict[str, Any]:
    sys.stdout.write(f"■ {name}\n")
    story = await CHAPTERS[name](folder)
    for line in story.seen:
        sys.stdout.write(f"  ✓ {line}\n")
    return as_json(story)


async def _lines(folder: Path) -> dict[str, Any]:
    sys.stdout.write("■ lines    fault         answers                slowest  as before  file done\n")
    found = []
    async with living_behind_proxies(folder / "lines") as (house, proxies):
        askers = await gather_askers(house)
        for part, proxy in proxies.items():
            for fault in FAULTS:
                line = await strain(askers, part, proxy, fault, STRAIN_S)
                answers = " ".join(f"{status}×{count}" for status, count in sorted(line.answers.items()))
                sys.stdout.write(
                    f"  {part:<8} {fault:<13} {answers:<22} {line.slowest_s:5.1f} s  {line.recovered_s:5.1f} s"
                    f"  {line.checked_s:7.1f} s  {len(line.wrong) or ''}\n"
                )
                sys.stdout.flush()
                found.append(line)
        await askers.cast.close()
    return {
        "each": [asdict(line) for line in found],
        "findings": list(dict.fromkeys(f"{line.part}, {line.fault}: {what}" for line in found for what in line.wrong)),
    }


if __name__ == "__main__":
    sys.exit(main())
