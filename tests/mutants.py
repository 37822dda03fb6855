"""Mutates the rules that pyproject.toml names (tool.mutmut), and counts how many mutants the unit tests catch.

`make mutants` prints the score of each module; `.venv/bin/mutmut show NAME` shows a mutant that nobody noticed. With
NAMES="backend.unions.*" it takes those alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

MUTMUT = Path(sys.executable).with_name("mutmut")
CAUGHT = ("killed", "timeout")


def main(names: list[str]) -> int:
    """Run, then report; the status of the run."""
    at_once = os.environ.get("MUTANTS_AT_ONCE") or str(os.cpu_count() or 1)
    ran = subprocess.run(
        [MUTMUT, "run", "--max-children", at_once, *names], capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        sys.stderr.write(f"{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}\n")
        return ran.returncode
    told = subprocess.run([MUTMUT, "results", "--all", "true"], capture_output=True, text=True, check=True)
    report(told.stdout.splitlines())
    return 0


def report(lines: list[str]) -> None:
    """Print a line for each module, and one for all, from mutmut's lines `    module.x_function__mutmut_1: killed`."""
    modules: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        name, colon, outcome = line.strip().rpartition(": ")
        if colon and outcome != "not checked":
            modules[name.split(".x_")[0].split(".xǁ")[0]][outcome] += 1
    for module, outcomes in sorted(modules.items()):
        _print(module, outcomes)
    _print("all", sum(modules.values(), Counter()))


def _print(name: str, outcomes: Counter[str]) -> None:
    caught = sum(outcomes[word] for word in CAUGHT)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    sys.stdout.write(f"{caught / (outcomes.total() or 1):7.1%}  {name}: {counts}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
