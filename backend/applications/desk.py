"""What the review desk lists: queues by role, one statement each, with keyset pages and bounded counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from cachetools import TTLCache

from backend.applications.case import versions
from backend.applications.lifecycle import INVOLVING, KINDS
from backend.applications.process import Process
from backend.applications.programme import Stage
from backend.applications.rights import READERS
from backend.calendars.service import working_days_since
from backend.clock import local_date
from backend.database import fetch, fetch_one, fetch_value
from backend.identity import Actor, Binding, Role

#: Roles that a case may wait for at the desk.
ACTING = (Role.UNIT_OFFICER, Role.HR_VERIFIER, Role.REVIEWER, Role.CHAIR, Role.FINANCE)

#: A count says "so many or more" from here on, so that no queue is counted to its end.
COUNT_CAP = 100


#: The persons whom case `a` is about, as `c`.
_ABOUT = "SELECT FROM application_person c WHERE c.application = a.id"


class Tab(StrEnum):
    """The queues of the desk."""

    MINE = "mine"
    OTHERS = "others"
    OVERDUE = "overdue"
    RETURNED = "returned"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case stands in a queue: the last case of one page is where the next begins."""

    entered_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases are asked for: a tab, and what narrows it; `person` comes from a look-up by keyed hash."""

    tab: Tab = Tab.MINE
    kind: str = ""
    stage: str = ""
    unit: UUID | None = None
    words: str = ""
    person: UUID | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One case in a queue. `waited` counts working days in the present stage, None past the calendar's coverage."""

    id: UUID
    number: str
    kind: str
    subject_name: str
    unit_name: str
    programme_zh: str
    programme_en: str
    aggregate_name: str
    state: str
    stage: str
    stage_zh: str
    stage_en: str
    stage_kind: str
    reviews: int
    reviewers: int
    awaiting_role: str
    placement: str
    rank: int | None
    points: int
    papers_required: int
    papers_verified: int
    waited: int | None
    due_on: date | None
    entered_at: datetime

    @property
    def place(self) -> Place:
        """Where it stands in its queue."""
        return Place(self.entered_at, self.id)


@dataclass(slots=True)
class _Params:
    """The parameters of a statement under construction."""

    values: list[Any] = field(default_factory=list)

    def add(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"


async def queue(
    actor: Actor,
    wanted: Wanted,
    processes: Mapping[str, Process],
    today: date,
    *,
    after: Place | None = None,
    limit: int = 25,
    backwards: bool = False,
) -> list[Line]:
    """Cases of one tab in the actor's scope, from behind `after` on: the longest waiting first, `all` the newest first.

    `backwards` walks the other way, for the case before. Auditors see what they may read; nobody sees their own case.
    """
    params = _Params()
    picked = _picked(actor, wanted, params, today, after, limit, backwards)
    if picked is None:
        return []
    joins, name = aggregate_names(processes)
    rows = await fetch(
        f"""WITH picked AS ({picked})
        SELECT a.id, a.number, a.kind, a.subject_name, coalesce(u.short_name, '') AS unit_name, a.programme_version,
            p.name_zh AS programme_zh, p.name_en AS programme_en, {name} AS aggregate_name, a.state, a.stage,
            (SELECT count(*) FROM review w WHERE w.application = a.id AND w.stage = a.stage AND w.round = a.round)
                AS reviews, a.awaiting_role, a.placement, a.rank, a.points, a.papers_required, a.papers_verified,
            a.due_on, a.entered_at
        FROM picked JOIN application a ON a.id = picked.id JOIN programme_version v ON v.id = a.programme_version
        JOIN programme p ON p.id = v.programme
        LEFT JOIN trade_union u ON u.id = a.unit_id {joins} ORDER BY {_order(wanted.tab, backwards, "a")}""",
        *params.values,
    )
    known = await versions(row["programme_version"] for row in rows)
    waited = await working_days_since([local_date(row["entered_at"]) for row in rows], today)
    return [
        _line(row, known[row["programme_version"]].stages.get(row["stage"]), days)
        for row, days in zip(rows, waited, strict=True)
    ]


def _line(row: asyncpg.Record, stage: Stage | None, waited: int | None) -> Line:
    return Line(
        id=row["id"],
        number=row["number"],
        kind=row["kind"],
        subject_name=row["subject_name"],
        unit_name=row["unit_name"],
        programme_zh=row["programme_zh"],
        programme_en=row["programme_en"],
        aggregate_name=row["aggregate_name"],
        state=row["state"],
        stage=row["stage"],
        stage_zh=stage.label_zh if stage else "",
        stage_en=stage.label_en if stage else "",
        stage_kind=stage.kind if stage else "",
        reviews=row["reviews"],
        reviewers=stage.reviewers if stage else 0,
        awaiting_role=row["awaiting_role"],
        placement=row["placement"],
        rank=row["rank"],
        points=row["points"],
        papers_required=row["papers_required"],
        papers_verified=row["papers_verified"],
        waited=waited,
        due_on=row["due_on"],
        entered_at=row["entered_at"],
    )


async def counts(actor: Actor, today: date) -> dict[Tab, int]:
    """How many cases each tab holds, up to COUNT_CAP."""
    params = _Params()
    found = {tab: _counted(actor, Wanted(tab), params, today) for tab in Tab}
    row = await fetch_one("SELECT " + ", ".join(f"{sql} AS {tab}" for tab, sql in found.items()), *params.values)
    assert row is not None
    return {tab: row[tab.value] for tab in Tab}


def _counted(actor: Actor, wanted: Wanted, params: _Params, today: date) -> str:
    """The expression that counts a tab up to COUNT_CAP; branch by branch, so that it ends where enough are found."""
    branches = _branches(actor, wanted.tab, params)
    if not branches:
        return "0"
    narrowed = _narrowed(actor, wanted, params, today)
    selects = [
        f"(SELECT a.id FROM application a WHERE {' AND '.join([branch, *narrowed])} LIMIT {COUNT_CAP})"
        for branch in branches
    ]
    # Branches of one union never share a case; those of several may.
    several = len({binding.union_id for binding in actor.unions_as(*READERS)}) > 1
    return (
        f"(SELECT count(*) FROM (SELECT id FROM ({(' UNION ' if several else ' UNION ALL ').join(selects)}) x"
        f" LIMIT {COUNT_CAP}) y)"
    )


class UnitChoice(msgspec.Struct, frozen=True):
    """A unit to choose from in a filter."""

    id: UUID
    short_name: str


class StageChoice(msgspec.Struct, frozen=True):
    """A stage to choose from in a filter."""

    key: str
    zh: str
    en: str


async def units_below(actor: Actor, roles: Iterable[Role] = READERS) -> list[UnitChoice]:
    """The units in the scope of these roles of the actor, by name, to choose from."""
    params = _Params()
    found = await fetch_value(f"SELECT {_units(actor, params, roles)}", *params.values)
    return msgspec.json.decode(found, type=list[UnitChoice])


@dataclass(frozen=True, slots=True)
class Filters:
    """What a queue may be narrowed by: the units in the actor's scope, and each stage that is in use."""

    units: list[UnitChoice]
    stages: list[StageChoice]


#: Units and stages change seldom: a queue offers a new one KEPT_SECONDS later at most.
KEPT_SECONDS = 10.0
_filters: TTLCache[tuple[frozenset[Any], frozenset[str]], Filters] = TTLCache(maxsize=256, ttl=KEPT_SECONDS)


def forget_filters() -> None:
    """Read what queues may be narrowed by anew when it is asked next."""
    _filters.clear()


async def filters(actor: Actor, kinds: Iterable[str]) -> Filters:
    """The filters of the actor's queues over these kinds of programme."""
    key = frozenset((binding.level, binding.union_id) for binding in actor.unions_as(*READERS)), frozenset(kinds)
    found = _filters.get(key)
    if found is None:
        found = _filters[key] = await _read_filters(actor, key[1])
    return found


async def _read_filters(actor: Actor, kinds: Iterable[str]) -> Filters:
    params = _Params()
    units = _units(actor, params, READERS)
    stages = f"""(SELECT coalesce(json_agg(json_build_object('key', key, 'zh', zh, 'en', en) ORDER BY place), '[]')
        FROM (
        SELECT r.stage ->> 'key' AS key, min(r.stage ->> 'label_zh') AS zh, min(r.stage ->> 'label_en') AS en,
            min(r.place) AS place
        FROM programme_version v JOIN programme p ON p.id = v.programme
        CROSS JOIN LATERAL jsonb_array_elements(v.content -> 'route') WITH ORDINALITY AS r (stage, place)
        WHERE v.state = 'published' AND p.kind = ANY({params.add(list(kinds))}) GROUP BY 1) s)"""
    row = await fetch_one(f"SELECT {units} AS units, {stages} AS stages", *params.values)
    assert row is not None
    return Filters(
        msgspec.json.decode(row["units"], type=list[UnitChoice]),
        msgspec.json.decode(row["stages"], type=list[StageChoice]),
    )


def _units(actor: Actor, params: _Params, roles: Iterable[Role]) -> str:
    reach = " OR ".join(_scope(actor, "u", params, roles)) or "false"
    return f"""(SELECT coalesce(json_agg(json_build_object('id', id, 'short_name', short_name)), '[]') FROM (
        SELECT u.id, u.short_name FROM trade_union u WHERE u.level = 'unit' AND ({reach})
        ORDER BY u.short_name, u.id LIMIT 500) s)"""


async def person_in_scope(actor: Actor, digests: Mapping[str, bytes], phone_digest: bytes) -> UUID | None:
    """The person of a case in the actor's scope who is known by one of these keyed hashes.

    Somebody who is on file but in no such case is answered like somebody unknown: None.
    """
    params = _Params()
    types, hashes = params.add(list(digests)), params.add(list(digests.values()))
    phone = params.add(phone_digest)
    reach = _scope(actor, "a", params)
    row = await fetch_one(
        f"""SELECT c.person FROM application a JOIN application_person c ON c.application = a.id
        WHERE ({" OR ".join(reach) or "false"}) AND c.person IN (
            SELECT i.person FROM person_identifier i
                JOIN unnest({types}::text[], {hashes}::bytea[]) AS k (type, digest)
                    ON i.type = k.type AND i.digest = k.digest
            UNION SELECT d.person FROM staff_record d WHERE d.phone_digest = {phone}) LIMIT 1""",
        *params.values,
    )
    return row["person"] if row else None


def _picked(
    actor: Actor, wanted: Wanted, params: _Params, today: date, after: Place | None, limit: int, backwards: bool
) -> str | None:
    """The statement that picks (id, entered_at) of one page; None where no role of the actor reaches anything.

    One branch per role and level, each in the order of an index and cut at the limit, then merged: so a page costs
    as much for a federation as for a hospital.
    """
    branches = _branches(actor, wanted.tab, params)
    if not branches:
        return None
    narrowed = _narrowed(actor, wanted, params, today)
    if after is not None:
        sign = "<" if (wanted.tab is Tab.ALL) != backwards else ">"
        if wanted.tab is Tab.ALL:
            narrowed.append(f"a.id {sign} {params.add(after.id)}")
        else:
            narrowed.append(f"(a.entered_at, a.id) {sign} ({params.add(after.entered_at)}, {params.add(after.id)})")
    # Written out: with a number that is not known when it is planned, the order of an index would not be worth while.
    cut = int(limit)
    order = _order(wanted.tab, backwards, "a")
    selects = [
        f"(SELECT a.id, a.entered_at FROM application a WHERE {' AND '.join([branch, *narrowed])}"
        f" ORDER BY {order} LIMIT {cut})"
        for branch in branches
    ]
    return f"SELECT a.id, a.entered_at FROM ({' UNION '.join(selects)}) a ORDER BY {order} LIMIT {cut}"


def _branches(actor: Actor, tab: Tab, params: _Params) -> list[str]:
    match tab:
        case Tab.MINE:
            return _mine(actor, params)
        case Tab.OTHERS:
            # The role is a literal, so that the partial indexes of the queues are used. The actor's own roles
            # come last, for among those few are found that are not the actor's own.
            return [
                f"a.awaiting_role = '{role}' AND {reach}"
                for role in sorted(ACTING, key=lambda role: role in actor.roles)
                for reach in _scope(actor, "a", params)
            ]
        case Tab.OVERDUE:
            return [f"a.awaiting_role NOT IN ('', 'worker') AND {reach}" for reach in _scope(actor, "a", params)]
        case Tab.RETURNED:
            return [f"a.state = 'returned' AND {reach}" for reach in _scope(actor, "a", params)]
        case Tab.ALL:
            return [
                f"(a.submitted_at IS NOT NULL OR a.filed_by_officer) AND {reach}"
                for reach in _scope(actor, "a", params)
            ]


def _narrowed(actor: Actor, wanted: Wanted, params: _Params, today: date) -> list[str]:
    found = []
    if actor.person_id is not None:
        found.append(f"NOT (SELECT EXISTS ({_ABOUT} AND c.person = {params.add(actor.person_id)}))")
    if wanted.tab is Tab.OVERDUE:
        found.append(f"a.due_on < {params.add(today)}")
    if wanted.tab is Tab.OTHERS and (mine := _mine(actor, params)):
        found.append(f"(({' OR '.join(f'({part})' for part in mine)}) IS NOT TRUE)")
    if wanted.kind:
        found.append(f"a.kind = {params.add(wanted.kind)}")
    if wanted.stage:
        found.append(f"a.stage = {params.add(wanted.stage)}")
    if wanted.unit is not None:
        found.append(f"a.unit_id = {params.add(wanted.unit)}")
    if wanted.person is not None:
        found.append(f"EXISTS ({_ABOUT} AND c.person = {params.add(wanted.person)})")
    if wanted.words:
        pattern = wanted.words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        name, number = params.add(f"%{pattern}%"), params.add(wanted.words.upper())
        found.append(f"(a.subject_name LIKE {name} OR a.number = {number})")
    return found


def _mine(actor: Actor, params: _Params) -> list[str]:
    """What waits for this very actor: at a union where the role is held, with no conflict known, and not done yet.

    Each question of other tables is a scalar one: it is put to one case after the other in the order of an index, and
    to no more of them than are wanted.
    """
    found = []
    reviews = "FROM review w WHERE w.application = a.id AND w.stage = a.stage AND w.round = a.round"
    for binding in dict.fromkeys(actor.unions_as(*ACTING)):
        here = f"a.acting_union = {params.add(binding.union_id)}"
        own = f"a.awaiting_role = '{binding.role}' AND {here}"
        if binding.role is Role.REVIEWER:
            own += f" AND NOT (SELECT EXISTS (SELECT {reviews} AND w.reviewer = {params.add(actor.account_id)}))"
        found.append(own)
        if binding.role is Role.CHAIR:
            # A committee's case comes to its chair when enough members have voted.
            wanted = (
                "SELECT (r.stage ->> 'reviewers')::int FROM programme_version v,"
                " jsonb_array_elements(v.content -> 'route') AS r (stage)"
                " WHERE v.id = a.programme_version AND r.stage ->> 'key' = a.stage"
            )
            voted = f"SELECT count(*) {reviews}"
            found.append(f"a.awaiting_role = '{Role.REVIEWER}' AND {here} AND ({wanted}) <= ({voted})")
    if not found:
        return []
    free = _free_of_conflict(actor, params)
    return [f"{part} AND {free}" for part in found]


def _free_of_conflict(actor: Actor, params: _Params) -> str:
    """The rules of `fairness.conflict`, asked of many cases at once: a queue offers nothing that the door refuses."""
    me, account = params.add(actor.person_id), params.add(actor.account_id)
    employer = params.add(actor.employer_id)
    judging = ",".join(f"'{kind}'" for kind, rule in sorted(KINDS.items()) if rule.judging)
    involving = ",".join(f"'{action}'" for action in sorted(INVOLVING))
    return f"""NOT (SELECT EXISTS ({_ABOUT} AND (c.person = {me} OR EXISTS (
            SELECT FROM relation n WHERE n.to_on IS NULL
                AND ((n.person = {me} AND n.relative = c.person) OR (n.relative = {me} AND n.person = c.person))))))
        AND NOT ((a.programme_version, a.stage) IN (
                SELECT v.id, r.stage ->> 'key' FROM programme_version v,
                    jsonb_array_elements(v.content -> 'route') AS r (stage)
                WHERE v.state = 'published' AND r.stage ->> 'kind' IN ({judging}))
            AND (({employer}::uuid IS NOT NULL AND a.unit_id IS NOT DISTINCT FROM {employer})
            OR (SELECT EXISTS (SELECT FROM recusal x
                WHERE x.application = a.id AND x.stage = a.stage AND x.account = {account}))
            OR (SELECT EXISTS (SELECT FROM application_event e WHERE e.application = a.id
                AND (e.actor = {account} OR e.actor_person = {me})
                AND e.action IN ({involving}) AND e.from_stage <> a.stage))))"""


def _scope(actor: Actor, alias: str, params: _Params, roles: Iterable[Role] = READERS) -> list[str]:
    """One condition per union that a role of the actor is bound to."""
    reached = {(binding.level.column, binding.union_id): binding for binding in actor.unions_as(*roles)}
    return [_reaches(binding, alias, params) for binding in reached.values()]


def _reaches(binding: Binding, alias: str, params: _Params) -> str:
    return f"{alias}.{binding.level.column} = {params.add(binding.union_id)}"


def _order(tab: Tab, backwards: bool, alias: str) -> str:
    if tab is Tab.ALL:
        return f"{alias}.id {'ASC' if backwards else 'DESC'}"
    way = "DESC" if backwards else "ASC"
    return f"{alias}.entered_at {way}, {alias}.id {way}"


def aggregate_names(processes: Mapping[str, Process]) -> tuple[str, str]:
    """The joins that give case `a` the name of its batch or campaign, and the expression for it."""
    tables = {process.kind: process.aggregate_table for process in processes.values() if process.aggregate_table}
    joins = " ".join(
        f"LEFT JOIN {table} g{place} ON a.kind = '{kind}' AND g{place}.id = a.aggregate"
        for place, (kind, table) in enumerate(tables.items())
    )
    names = [f"g{place}.name" for place in range(len(tables))]
    return joins, f"coalesce({', '.join([*names, chr(39) * 2])})"
