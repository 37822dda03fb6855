"""Programmes: drafted by one person, published by another as an immutable version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import msgspec

from backend.applications.process import Process
from backend.applications.programme import ProgrammeContent, check_content
from backend.applications.tables import ProgrammeVersion
from backend.audit.log import record
from backend.clock import Clock, local_date
from backend.database import execute, fetch, fetch_one, fetch_value, new_id, transaction
from backend.errors import Conflict, Forbidden, NotFound, RuleViolation, Violation
from backend.identity import Actor, Role
from backend.words import Text


@dataclass(frozen=True, slots=True)
class Programmes:
    """Drafting and publishing of what a programme says."""

    processes: Mapping[str, Process]
    clock: Clock

    async def draft(self, actor: Actor, programme: UUID, content: ProgrammeContent) -> UUID:
        """Add the next version of a programme as a draft."""
        async with transaction():
            organiser = await fetch_value("SELECT organiser FROM programme WHERE id = $1 FOR UPDATE", programme)
            if organiser is None:
                raise NotFound()
            require_organiser(actor, organiser, Role.SYSTEM_ADMIN, Role.HR_VERIFIER, Role.CHAIR)
            number = await fetch_value(
                "SELECT coalesce(max(number), 0) + 1 FROM programme_version WHERE programme = $1", programme
            )
            row = ProgrammeVersion(
                id=new_id(),
                programme=programme,
                number=number,
                state="drafted",
                content=msgspec.json.encode(content).decode(),
                drafted_by=actor.account_id,
            )
            await ProgrammeVersion.insert(row)
        return UUID(str(row.id))

    async def publish(self, actor: Actor, version_id: UUID) -> None:
        """Make a drafted version final: a chair of the organiser who did not draft it, and a route without dead ends.

        The policy rows that hold today are resolved into the version, so that what applied can be replayed.
        """
        async with transaction():
            row = await fetch_one(
                "SELECT v.*, p.organiser, p.kind FROM programme_version v JOIN programme p ON p.id = v.programme"
                " WHERE v.id = $1 FOR UPDATE OF v",
                version_id,
            )
            if row is None:
                raise NotFound()
            require_organiser(actor, row["organiser"], Role.CHAIR)
            if row["state"] != "drafted":
                raise Conflict("already_published", Text("该版本已发布。", "This version is published."))
            if row["drafted_by"] == actor.account_id:
                raise Forbidden("second_person", Text("须由另一人发布。", "Somebody else than the drafter publishes."))
            content = msgspec.json.decode(row["content"], type=ProgrammeContent)
            process = self.processes[row["kind"]]
            found = [*check_content(content), *process.check_terms(content)]
            policies = await self._policies_in_force(row["kind"], row["organiser"])
            if process.by_policy and not policies:
                found.append(
                    Violation("no_policies", Text("没有现行有效的政策条款。", "No policy is in force."), "policies")
                )
            if found:
                raise RuleViolation(found)
            resolved = msgspec.structs.replace(content, policies=tuple(policies))
            await execute(
                "UPDATE programme_version SET state = 'published', content = $2, published_by = $3, published_at = $4"
                " WHERE id = $1",
                version_id,
                msgspec.json.encode(resolved).decode(),
                actor.account_id,
                await self.clock.now(),
            )
            await record(actor, "programme.publish", "done", object_kind="programme_version", object_id=version_id)

    async def _policies_in_force(self, kind: str, organiser: UUID) -> list[UUID]:
        """The policy rows of a kind that hold today for the organiser: its own after those of the unions above it."""
        today = local_date(await self.clock.now())
        rows = await fetch(
            """SELECT p.id FROM policy_row p JOIN trade_union o ON o.id = $2
            JOIN trade_union u ON u.id = p.trade_union
            WHERE p.topic LIKE $1 || '.%' AND p.effective_from <= $3
                AND (p.effective_to IS NULL OR p.effective_to >= $3)
                AND p.trade_union IN (o.national_id, o.province_id, o.city_id, o.county_id, o.id)
            ORDER BY array_position(ARRAY['national', 'province', 'city', 'county', 'unit'], u.level::text),
                p.effective_from, p.id""",
            kind,
            organiser,
            today,
        )
        return [row["id"] for row in rows]


def require_organiser(actor: Actor, organiser: UUID, *roles: Role) -> None:
    """Raise Forbidden unless the actor holds one of the roles at the very organiser."""
    if organiser not in {binding.union_id for binding in actor.unions_as(*roles)}:
        raise Forbidden("not_your_part", Text("这一步不由您办理。", "This step is not yours to take."))


async def versions(organisers: list[UUID]) -> list[asyncpg.Record]:
    """The programme versions of these organisers, newest first."""
    return await fetch(
        "SELECT v.id, v.number, v.state, v.published_at, v.drafted_by, v.content, p.name_zh, p.name_en, p.code"
        " FROM programme_version v JOIN programme p ON p.id = v.programme"
        " WHERE p.organiser = ANY($1) ORDER BY v.id DESC",
        organisers,
    )


async def version_row(version: UUID) -> asyncpg.Record | None:
    """A programme version with its programme and who drafted and published it."""
    return await fetch_one(
        """SELECT v.*, p.organiser, p.kind, p.code, p.name_zh, p.name_en, u.name AS organiser_name,
            d.name AS drafter, b.name AS publisher
        FROM programme_version v JOIN programme p ON p.id = v.programme JOIN trade_union u ON u.id = p.organiser
        LEFT JOIN console_account d ON d.id = v.drafted_by LEFT JOIN console_account b ON b.id = v.published_by
        WHERE v.id = $1""",
        version,
    )


async def policies_of(ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """The policy rows that a version resolved to, in its order."""
    return await fetch(
        "SELECT p.topic, p.rules, p.clause, p.effective_from, p.effective_to, u.name AS union_name"
        " FROM unnest($1::uuid[]) WITH ORDINALITY AS ids (id, place) JOIN policy_row p ON p.id = ids.id"
        " JOIN trade_union u ON u.id = p.trade_union ORDER BY ids.place",
        list(ids),
    )
