"""`make tour` where nothing runs: it starts a stack of its own, plays the story, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import gettempdir

import pytest

pytestmark = pytest.mark.alone

#: What the tests themselves set, which a newcomer's shell has not.
OURS = ("DATABASE_URL", "PICCOLO_CONF")


def test_the_tour_starts_a_stack_of_its_own(tmp_path: Path) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("NIANGJIA_") and name not in OURS
    }
    # A data folder where nothing runs: the tour must not touch one that the operator keeps.
    environment["NIANGJIA_DATA"] = str(tmp_path / "nobody")
    left = set(Path(gettempdir()).glob("niangjia-tour-*"))
    told = subprocess.run(
        [sys.executable, "-m", "backend.cli", "tour"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=420,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-4000:] + told.stderr[-2000:]
    assert told.stdout.startswith("no stack runs: starting one")
    assert "✗" not in told.stdout
    assert "✓" in told.stdout.splitlines()[-1]
    assert not (tmp_path / "nobody").exists()
    assert set(Path(gettempdir()).glob("niangjia-tour-*")) == left
