"""Granting and revoking: the award's own row, and the honour that it adds to the person's file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

import msgspec

from backend.applications.case import Case
from backend.applications.lifecycle import SubjectKind
from backend.applications.process import Field, union_shown
from backend.certificates.service import Certificates
from backend.certificates.shown import Kind, Line, Shown, State
from backend.clock import local_date
from backend.commendation import clearances, queries
from backend.commendation.recommendations import day
from backend.commendation.tables import Award
from backend.commendation.terms import terms_of
from backend.database import execute, new_id
from backend.errors import RuleViolation, Violation
from backend.identity import Actor
from backend.registry.honours import add_honour, remove_honour
from backend.words import Text

DOCUMENT_LIMIT, REASON_LIMIT = 80, 300


class GrantInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document that grants an award (表彰决定文号) and its day."""

    document: str
    granted_on: date


FIELDS = (
    Field("document", Text("表彰决定文号", "Document number"), note=Text("如:泰会发〔2026〕12号", "As printed on it")),
    Field("granted_on", Text("表彰日期", "Granted on"), "date"),
)


def details_of(fields: Mapping[str, str]) -> GrantInput:
    """What was typed; raises RuleViolation naming each field that does not fit."""
    found: list[Violation] = []
    granted_on = day(fields, "granted_on", found)
    document = fields.get("document", "").strip()
    if not 2 <= len(document) <= DOCUMENT_LIMIT:
        found.append(Violation("document_length", Text("请填写文号(2 至 80 字)。", "Give its number."), "document"))
    if found:
        raise RuleViolation(found)
    return GrantInput(document, granted_on)


async def judge(case: Case, said: GrantInput, now: datetime) -> list[Violation]:
    """What forbids granting: no main place, a clearance that does not hold any more, a day to come."""
    found = [check.violation() for check in await clearances.judge(case, now) if not check.passed]
    if case.placement != "main":
        found.append(
            Violation("not_main", Text("只有正选可以授予。", "Only a main nominee can be granted."), "placement")
        )
    if said.granted_on > local_date(now):
        found.append(
            Violation("grant_future", Text("表彰日期不能晚于今天。", "That day is yet to come."), "granted_on")
        )
    return found


async def grant(actor: Actor, case: Case, said: GrantInput, now: datetime) -> UUID:
    """Write the award, its certificate, and the honour on the file of a person; the award's id."""
    terms = terms_of(case.content)
    honour = None
    if case.subject_person is not None:
        honour = await add_honour(case.subject_person, terms.honour, terms.level, said.granted_on)
    award = Award(
        id=new_id(),
        application=case.id,
        campaign=case.aggregate,
        number=case.number,
        document=said.document,
        title=terms.honour,
        holder=case.subject_name,
        granted_on=said.granted_on,
        granted_by=actor.account_id,
        honour=honour,
    )
    await Award.insert(award)
    key = UUID(str(award.id))
    await Certificates.issue(actor, Kind.AWARD, key, case.number, await _shown(case, said), now)
    return key


async def _shown(case: Case, said: GrantInput) -> Shown:
    """The words of the certificate: all of them public but the citation."""
    honour = terms_of(case.content).honour
    campaign = await queries.campaign_row(case.aggregate)
    unit = await queries.union_name(union_shown(case))
    return Shown(
        title=Text(honour, honour),
        holder=case.subject_name,
        issuer=campaign["organiser_name"],
        lines=(
            Line(Text("单位", "Unit"), Text(unit, unit)),
            Line(Text("表彰决定", "Document"), Text(said.document, said.document)),
            Line(Text("表彰日期", "Granted on"), Text(str(said.granted_on), str(said.granted_on))),
        ),
        citation=f"在{campaign['name']}评选中成绩突出,特授予“{honour}”称号。",
        honorific="同志" if case.subject_kind is SubjectKind.PERSON else "",
    )


async def revoke(case: Case, reason: str, now: datetime) -> UUID:
    """Note that an award is revoked and why, and take the honour off the file; the award's id.

    Raises RuleViolation where the reason, which everybody can read, is too long.
    """
    reason = reason.strip()
    if len(reason) > REASON_LIMIT:
        raise RuleViolation.of("reason_length", Text("撤销理由最多 300 字。", "At most 300 characters."), "comment")
    award = await queries.award_of(case.id)
    assert award is not None
    await execute(
        "UPDATE award SET revoked_on = $2, revoked_reason = $3, honour = NULL WHERE id = $1",
        award["id"],
        local_date(now),
        reason,
    )
    if award["honour"] is not None:
        await remove_honour(award["honour"])
    await Certificates.change_state(Kind.AWARD, award["id"], State.REVOKED, reason, now)
    return UUID(str(award["id"]))
