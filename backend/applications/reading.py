"""What a worker reads of their cases, one statement each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from backend.applications.case import CASE_COLUMNS, Case, cases_of
from backend.applications.papers import ATTACHED, Attached, read_attached
from backend.applications.timeline import Passed
from backend.database import fetch, fetch_one
from backend.errors import NotFound
from backend.identity import Actor


@dataclass(frozen=True, slots=True)
class Mine:
    """A case of the actor's with the names that its list and its timeline need; a list goes without the last two."""

    case: Case
    programme_zh: str
    programme_en: str
    acting_union: str = ""
    token: str | None = None


async def my_cases(actor: Actor, after: UUID | None, limit: int) -> list[Mine]:
    """The cases about the actor and those that the actor filed, newest first, from `after` on.

    Each kind is cut at the limit in the order of its own index before the two are merged.
    """
    branches = " UNION ".join(
        f"(SELECT a.id FROM application a WHERE {mine} AND ($3::uuid IS NULL OR a.id < $3) ORDER BY a.id DESC LIMIT $4)"
        for mine in _MINE
    )
    rows = await fetch(
        f"{_LISTED} WHERE a.id IN ({branches}) ORDER BY a.id DESC LIMIT $4",
        actor.person_id,
        actor.account_id,
        after,
        limit,
    )
    return [
        Mine(case, row["programme_zh"], row["programme_en"])
        for row, case in zip(rows, await cases_of(rows), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Opened:
    """A case of the actor's with all that its page tells: its way so far, its papers, and the sealed facts."""

    mine: Mine
    passed: Sequence[Passed]
    attached: Sequence[Attached]
    filed_by: str | None
    judged: Judged | None


@dataclass(frozen=True, slots=True)
class Judged:
    """What the last submit was judged on, still sealed."""

    seq: int
    sealed: bytes
    key: bytes | None


async def my_case(actor: Actor, application: UUID) -> Opened:
    """One of the cases that `my_cases` lists, in one statement; NotFound for any other."""
    row = await fetch_one(
        f"{_OPENED} WHERE a.id = $3 AND ({' OR '.join(_MINE)})", actor.person_id, actor.account_id, application
    )
    if row is None:
        raise NotFound()
    (case,) = await cases_of([row])
    acting = row["acting_name"] if case.awaiting_role else None
    return Opened(
        mine=Mine(case, row["programme_zh"], row["programme_en"], acting or "", row["token"]),
        passed=msgspec.json.decode(row["passed"], type=list[Passed]),
        attached=read_attached(row["attached"]),
        filed_by=row["filed_by"],
        judged=Judged(row["facts_seq"], row["facts_sealed"], row["facts_key"]) if row["facts_seq"] else None,
    )


#: What makes a case one's own: `$1` is the person, `$2` the account.
_MINE = ("a.subject_person = $1", "a.submitted_by = $2")

_NAMES = f"SELECT {CASE_COLUMNS}, p.name_zh AS programme_zh, p.name_en AS programme_en"
_FROM = (
    " FROM application a JOIN programme_version v ON v.id = a.programme_version JOIN programme p ON p.id = v.programme"
)
_LISTED = _NAMES + _FROM
_OPENED = f"""{_NAMES}, u.name AS acting_name, c.name AS filed_by,
    (SELECT n.token FROM notice_entry e JOIN notice n ON n.id = e.notice WHERE e.application = a.id
        AND n.state = 'published' ORDER BY n.published_at DESC LIMIT 1) AS token,
    (SELECT coalesce(json_agg(json_build_array(e.from_stage, e.to_stage, e.at,
            CASE WHEN e.action IN ('review', 'recuse', 'settle') THEN '' ELSE e.comment END) ORDER BY e.seq), '[]')
        FROM application_event e WHERE e.application = a.id) AS passed,
    {ATTACHED} AS attached, f.seq AS facts_seq, f.sealed AS facts_sealed, k.sealed AS facts_key
    {_FROM} LEFT JOIN trade_union u ON u.id = a.acting_union
    LEFT JOIN console_account c ON c.id = a.submitted_by AND a.filed_by_officer
    LEFT JOIN LATERAL (SELECT seq, sealed FROM application_facts WHERE application = a.id ORDER BY seq DESC LIMIT 1) f
        ON true
    LEFT JOIN case_key k ON k.application = a.id"""
