"""The verbs of a worker's request for rest and recuperation: look, draft, amend; the shared door does the rest."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import asyncpg
import msgspec

from backend.applications.case import Case
from backend.applications.judgement import Judgement
from backend.applications.service import Applications
from backend.applications.subject import worker_filed_by
from backend.clock import local_date
from backend.database import execute, new_id, transaction
from backend.errors import Conflict, NotFound, RuleViolation, Violation
from backend.identity import Actor
from backend.people.identifiers import check_mobile
from backend.recuperation import policy, queries
from backend.recuperation.process import KIND
from backend.recuperation.tables import StayRequest
from backend.sealing import Sealer
from backend.words import Text

HEALTH_PURPOSE = "stay_health"
CONTACT_PURPOSE = "stay_contact"


class HealthDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the worker says of their health; sealed, shown to the sanatorium and at a recorded look alone."""

    fit_to_travel: bool
    conditions: str = ""


class EmergencyContact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to call when something happens on the way."""

    name: str
    phone: str
    relation: str


class StayInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a worker asks for; `companions` counts family members who travel along."""

    companions: int
    health: HealthDeclaration
    contact: EmergencyContact


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests for a stay: by the worker, or by a unit officer on the worker's behalf."""

    applications: Applications
    sealer: Sealer

    async def preview(self, actor: Actor, batch_id: UUID) -> Judgement:
        """How the actor stands to a batch before applying: every rule and the priority, line by line."""
        if actor.person_id is None:
            raise NotFound(Text("请先登记本人档案。", "Register your own record first."), "no_record")
        now = await self.applications.clock.now()
        batch = await queries.announced_batch(batch_id)
        facts = await queries.stay_facts(batch_id, actor.person_id, None)
        rules = await queries.ruleset(batch["programme_version"])
        checks = policy.check_submission(facts, rules, now, local_date(now))
        return Judgement(facts, checks, policy.points(facts, rules))

    async def draft(self, actor: Actor, batch_id: UUID, person: UUID, stay: StayInput) -> Case:
        """Make a draft in an open batch; one live request per person and batch is held by the database."""
        require_valid(stay)
        try:
            async with transaction():
                batch = await queries.announced_batch(batch_id)
                if batch["state"] != "open":
                    raise RuleViolation.of(
                        "batch_not_open", Text("本批次未开放申请。", "This batch is not open."), "batch"
                    )
                subject = await worker_filed_by(actor, person)
                case = await self.applications.draft(actor, KIND, batch["programme_version"], subject, batch_id)
                await StayRequest.insert(
                    StayRequest(
                        id=new_id(),
                        application=case.id,
                        batch=batch_id,
                        person=person,
                        companions=stay.companions,
                        fit_to_travel=stay.health.fit_to_travel,
                        health_sealed=self._seal(stay.health, HEALTH_PURPOSE),
                        contact_sealed=self._seal(stay.contact, CONTACT_PURPOSE),
                        quota_union=await queries.quota_union(batch_id, person),
                        live=True,
                    )
                )
                return case
        except asyncpg.UniqueViolationError:
            raise Conflict(
                "already_applied", Text("本批次已有一份申请。", "There is a request in this batch already.")
            ) from None

    async def amend(self, actor: Actor, application_id: UUID, stay: StayInput, expected_version: int) -> Case:
        """Change a request that is being filed."""
        require_valid(stay)
        async with transaction():
            case = await self.applications.filing(actor, application_id, expected_version, KIND)
            await execute(
                "UPDATE stay_request SET companions = $2, fit_to_travel = $3, health_sealed = $4, contact_sealed = $5"
                " WHERE application = $1",
                case.id,
                stay.companions,
                stay.health.fit_to_travel,
                self._seal(stay.health, HEALTH_PURPOSE),
                self._seal(stay.contact, CONTACT_PURPOSE),
            )
            return case

    def _seal(self, value: msgspec.Struct, purpose: str) -> bytes:
        return self.sealer.seal(msgspec.json.encode(value).decode(), purpose)


def require_valid(stay: StayInput) -> None:
    """Raise RuleViolation with everything that is wrong with the form."""
    found = []
    if not 0 <= stay.companions <= 9:
        found.append(Violation("companions_range", Text("同行人数应为 0 至 9。", "Between 0 and 9."), "companions"))
    if len(stay.health.conditions) > 500:
        found.append(_too_long("health.conditions", 500))
    if not 1 <= len(stay.contact.name.strip()) <= 50:
        found.append(
            Violation("contact_name", Text("请填写紧急联系人姓名。", "Name the emergency contact."), "contact.name")
        )
    if not 1 <= len(stay.contact.relation.strip()) <= 20:
        found.append(
            Violation(
                "contact_relation", Text("请填写与联系人的关系。", "Say how you are related."), "contact.relation"
            )
        )
    found += check_mobile(stay.contact.phone, "contact.phone")
    if found:
        raise RuleViolation(found)


def _too_long(field: str, limit: int) -> Violation:
    return Violation("too_long", Text(f"最多 {limit} 字。", f"At most {limit} characters."), field)
