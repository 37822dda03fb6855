"""Which cases rest on which relations: noted by a programme when a request is submitted, so that the ground stays."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from backend.database import execute, execute_many, fetch, fetch_value, new_id

#: Every paper that shows something on which a case rests, with the case.
_GROUND = """SELECT r.evidence AS paper, u.application FROM relation r JOIN relation_use u ON u.relation = r.id
    UNION SELECT a.evidence, u.application FROM identifier_addition a JOIN relation_use u ON u.relation = a.relation
    UNION SELECT c.paper, u.application FROM consent c
        JOIN relation r ON r.relative = c.person AND r.person = c.recorded_by
        JOIN relation_use u ON u.relation = r.id"""


async def note_use(relations: Iterable[UUID], application: UUID, at: datetime) -> None:
    """Note that a case rests on these relations; twice is once."""
    await execute_many(
        "INSERT INTO relation_use (id, relation, application, noted_at) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (relation, application) DO NOTHING",
        [(new_id(), relation, application, at) for relation in relations],
    )


async def release_uses(application: UUID) -> None:
    """Note that a case rests on nobody any more: a draft that was given up, a request that was withdrawn unjudged."""
    await execute("DELETE FROM relation_use WHERE application = $1", application)


async def in_use(relation: UUID) -> bool:
    """Whether any case rests on a relation."""
    return bool(await fetch_value("SELECT EXISTS (SELECT FROM relation_use WHERE relation = $1)", relation))


async def cases_resting_on(papers: Iterable[UUID]) -> list[tuple[UUID, UUID]]:
    """For papers that show a relation, a relative's further number or consent: (paper, case that rests on it)."""
    rows = await fetch(f"SELECT paper, application FROM ({_GROUND}) g WHERE paper = ANY($1)", list(papers))
    return [(row["paper"], row["application"]) for row in rows]


async def papers_under(application: UUID) -> list[UUID]:
    """The papers that show what a case rests on: a relation, a relative's further number or consent."""
    rows = await fetch(f"SELECT paper FROM ({_GROUND}) g WHERE application = $1 AND paper IS NOT NULL", application)
    return [row["paper"] for row in rows]
