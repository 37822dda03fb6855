"""What is on file of everybody in a workbook, in a few statements however many they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

import asyncpg

from backend.accounts.phones import PHONE_PURPOSE
from backend.database import fetch
from backend.identity import Actor
from backend.people.identifiers import Identifier, IdentifierType, normal_mobile
from backend.people.relations import RelationKind
from backend.people.service import People
from backend.registry.facts import OnFile
from backend.registry.family.facts import Said, Tie
from backend.registry.family.queries import rules_for
from backend.registry.policy import identifier_of
from backend.registry.reporting import look_up
from backend.registry.roster.lines import FamilyEntry, StaffEntry
from backend.registry.roster.standing import KnownTie, Standing


async def standing_of(
    people: People,
    actor: Actor,
    unit: asyncpg.Record,
    staff: Sequence[StaffEntry],
    family: Sequence[FamilyEntry],
    columns: Mapping[str, Mapping[str, str]],
    today: date,
) -> Standing:
    """What a roster of a unit is judged against, as it stands now."""
    numbers = {entry.identifier for entry in staff if entry.identifier}
    numbers |= {entry.identifier for entry in family if entry.identifier}
    numbers |= {identifier_of(number) for entry in family for number in entry.worker}
    on_file = await look_up(people, actor, numbers)
    rules, clause = await rules_for(unit, today)
    return Standing(
        unit=unit["id"],
        officer=actor.person_id,
        today=today,
        on_file=on_file,
        ties=await _ties(on_file) if family else {},
        rules=rules,
        clause=clause,
        columns=columns,
        phone_digest=lambda phone: people.sealer.digest(normal_mobile(phone), PHONE_PURPOSE),
    )


async def _ties(on_file: Mapping[Identifier, OnFile]) -> Mapping[UUID, Sequence[KnownTie]]:
    """The families of everybody in the workbook who is on file."""
    rows = await fetch(
        """SELECT r.id, r.person, r.relative, r.kind, r.declared_name, r.declared_sex, r.declared_born_on, r.from_on,
            r.to_on, r.struck_at IS NOT NULL AS struck, r.guardian, r.evidence, i.type,
            EXISTS (SELECT FROM relation_use u WHERE u.relation = r.id) AS in_use
        FROM relation r LEFT JOIN person_identifier i ON i.id = r.identifier WHERE r.person = ANY($1)""",
        [one.person for one in on_file.values()],
    )
    found: dict[UUID, list[KnownTie]] = {}
    for row in rows:
        type_ = IdentifierType(row["type"]) if row["type"] else None
        found.setdefault(row["person"], []).append(
            KnownTie(
                id=row["id"],
                relative=row["relative"],
                name=row["declared_name"],
                said=Said(type_, row["declared_born_on"], row["declared_sex"]),
                guardian=row["guardian"],
                evidence=row["evidence"],
                tie=Tie(RelationKind(row["kind"]), row["from_on"], row["to_on"], row["struck"]),
                in_use=row["in_use"],
            )
        )
    return found
