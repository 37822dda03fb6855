"""The state of a case is written in one place; every message that a case sends has its words."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from backend.applications import messages
from backend.notifications.templates import TEMPLATES

ROOT = Path(__file__).parents[2]
WRITER = "backend/applications/service.py"
SOURCES = [
    path
    for folder in ("backend", "admin", "storage")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "migrations" not in path.parts
]

#: What writes cases in SQL: the table's name behind one of these, whatever stands between.
_WRITES = re.compile(
    r"\b(UPDATE|INSERT\s+INTO|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE)\s+\"?application\"?\b", re.IGNORECASE
)
_SETS_STATE = re.compile(r"\bSET\b(?:(?!\bWHERE\b).)*\bstate\b\s*=", re.IGNORECASE | re.DOTALL)


def texts(tree: ast.AST) -> list[str]:
    """Every string of a module, with the pieces of an f-string put together."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
        elif isinstance(node, ast.JoinedStr):
            found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "?" for part in node.values))
    return found


def calls_on_application(tree: ast.AST) -> list[str]:
    """Piccolo's ways of writing: Application.update, .insert, .delete, and rows made to be saved."""
    return [
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "Application"
        and node.func.attr in {"update", "insert", "delete", "alter"}
    ]


def writes_of(source: str) -> list[str]:
    """What in a module writes cases."""
    tree = ast.parse(source)
    return [text for text in texts(tree) if _WRITES.search(text)] + calls_on_application(tree)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_writer_writes_the_state_of_a_case(path: Path) -> None:
    if str(path.relative_to(ROOT)) == WRITER:
        return
    for found in writes_of(path.read_text(encoding="utf-8")):
        assert found.upper().startswith("UPDATE"), f"makes or deletes a case: {found}"
        assert not _SETS_STATE.search(found), f"writes the state of a case: {found}"


def test_the_writer_is_found_by_this_check() -> None:
    assert any(_SETS_STATE.search(found) for found in writes_of((ROOT / WRITER).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "source",
    [
        'execute("UPDATE application SET version = 1, state = $1 WHERE id = $2")',
        'execute(f"update application set {x} , state = $1")',
    ],
)
def test_a_second_writer_would_be_found(source: str) -> None:
    assert [found for found in writes_of(source) if _SETS_STATE.search(found)]


def test_every_message_that_a_case_sends_has_its_words() -> None:
    source = Path(messages.__file__).read_text(encoding="utf-8")
    sent = {text for text in texts(ast.parse(source)) if re.fullmatch(r"application_[a-z_]+", text)}
    assert len(sent) > 10
    assert sent <= set(TEMPLATES)
    assert {name for name in TEMPLATES if name.startswith("application_")} <= sent
