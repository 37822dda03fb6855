"""Sets the stage for the tour: a stack that runs, or one of its own; says each step and its outcome."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx

from backend.operations.data_folder import running_environment
from backend.operations.servers import free_ports
from backend.operations.tour.awards import play_awards
from backend.operations.tour.cast import Cast
from backend.operations.tour.covers import play_covers
from backend.operations.tour.phone import Surprise
from backend.operations.tour.story import play

_START_S = 180.0


def main() -> int:
    """Play the story; 0 when every step came out as told, 1 at the first surprise."""
    with _stack() as own:
        os.environ.update(own)
        began = time.monotonic()
        told = Teller()
        try:
            asyncio.run(_play(told))
        except Surprise as surprise:
            sys.stdout.write(f"\n✗ {surprise}\n")
            return 1
        sys.stdout.write(f"\n✓ {told.steps} steps in {time.monotonic() - began:.1f} s\n")
        return 0


class Teller:
    """Prints the steps."""

    def __init__(self) -> None:
        self.steps = 0

    def chapter(self, title: str) -> None:
        """A new part of the story."""
        sys.stdout.write(f"\n■ {title}\n")

    def step(self, who: str, what: str) -> None:
        """A step that came out as told."""
        self.steps += 1
        sys.stdout.write(f"  {self.steps:3d} ✓ {who}:{what}\n")
        sys.stdout.flush()


async def _play(told: Teller) -> None:
    before = _clock("show")
    try:
        for story in _STORIES:
            await story(_cast(told))
    except (httpx.HTTPError, OSError) as error:
        raise Surprise(f"the stack does not answer: {type(error).__name__}: {error}") from error
    finally:
        # The demonstration goes on from where it was: its own cases have not seen the time of the tour.
        _clock("set", before.partition(" ")[0])


#: One after another, each by people of its own.
_STORIES = (play, play_covers, play_awards)


def _cast(told: Teller) -> Cast:
    return Cast(
        api=os.environ["NIANGJIA_PUBLIC_URL"],
        console=os.environ["NIANGJIA_CONSOLE_URL"],
        messages=Path(os.environ["NIANGJIA_DATA"]) / "demo-sms.log",
        password=os.environ["NIANGJIA_DEMO_PASSWORD"],
        totp_secret=os.environ["NIANGJIA_DEMO_TOTP"],
        told=told,
        set_clock=lambda instant: asyncio.to_thread(_set_clock, instant),
    )


def _set_clock(instant: datetime) -> None:
    _clock("set", instant.isoformat())


def _clock(*words: str) -> str:
    """The operator's command line: business time is never moved over HTTP."""
    done = subprocess.run(
        [sys.executable, "-m", "backend.cli", "clock", *words], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0:
        raise Surprise(f"clock {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


@contextmanager
def _stack() -> Iterator[dict[str, str]]:
    """The environment of the stack that the environment names; where none is, of one started for the tour."""
    if os.environ.get("NIANGJIA_PUBLIC_URL") and os.environ.get("DATABASE_URL"):
        yield {}
        return
    sys.stdout.write("no stack runs: starting one for the tour …\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="niangjia-tour-") as folder:
        Path(folder).chmod(0o711)
        api, console, store = free_ports(3)
        ports = {
            "NIANGJIA_API_PORT": str(api),
            "NIANGJIA_CONSOLE_PORT": str(console),
            "NIANGJIA_S3_PORT": str(store),
            "NIANGJIA_DATA": folder,
        }
        with (Path(folder) / "run.log").open("wb") as log:
            run = subprocess.Popen(
                [sys.executable, "-m", "backend.cli", "run"], env={**os.environ, **ports}, stdout=log, stderr=log
            )
        try:
            yield _wait(run, Path(folder), f"http://127.0.0.1:{console}/health/ready")
        finally:
            run.terminate()
            run.wait(60)


def _wait(run: subprocess.Popen[bytes], folder: Path, probe: str) -> dict[str, str]:
    give_up = time.monotonic() + _START_S
    while time.monotonic() < give_up and run.poll() is None:
        environment = running_environment(folder)
        try:
            if environment is not None and httpx.get(probe, trust_env=False).status_code == 200:
                return dict(environment)
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    raise SystemExit(f"the stack did not start:\n{(folder / 'run.log').read_text('utf-8')[-3000:]}")
