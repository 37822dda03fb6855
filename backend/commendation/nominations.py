"""The verbs of a nomination: draft, amend, join another, consent or refuse; the shared door does the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from backend.applications.case import Case, load_case
from backend.applications.casefile import require_readable
from backend.applications.lifecycle import Action, SubjectKind
from backend.applications.service import Applications
from backend.applications.subject import Subject, levels_of, worker, worker_filed_by
from backend.audit.log import record
from backend.commendation import policy, queries
from backend.commendation.privacy import private_words
from backend.commendation.tables import Nomination, NominationLine, Team, TeamMember
from backend.commendation.terms import CATEGORIES_OF, FROM_FILE, Category, Trait, terms_of
from backend.database import execute, fetch, fetch_one, fetch_value, new_id, transaction
from backend.errors import Conflict, NotFound, RuleViolation, Violation
from backend.identity import Actor, Role
from backend.notifications.service import Notifications
from backend.sealing import Sealer
from backend.words import Text

MERIT_PURPOSE = "nomination_merit"
FORM_PURPOSE = "nomination_form"

#: What the database and the sealed columns take, whatever a campaign's own limits are.
MERIT_LIMIT, DEED_LIMIT, FIELD_LIMIT, RESUME_LIMIT = 20_000, 200, 60, 4_000

KIND = "commendation"


class ApprovalFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of the approval form (推荐审批表) that the file does not know; all may be empty."""

    nation: str = ""
    political_status: str = ""
    education: str = ""
    started_work_on: str = ""
    post: str = ""
    resume: str = ""


class NominationInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a nomination says: `merit` is the statement, sealed; `deed` the one line that a notice shows."""

    category: Category
    merit: str
    deed: str
    traits: tuple[Trait, ...] = ()
    fields: ApprovalFields = ApprovalFields()


@dataclass(frozen=True, slots=True)
class Nominated:
    """What became of a nomination: a case of one's own, or a line of the one that others had sent."""

    case: Case
    joined: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """A nomination in clear: the statement, the form, and every line by which it came."""

    case: Case
    merit: str
    fields: ApprovalFields
    lines: tuple[tuple[str, str, str, datetime], ...]


@dataclass(frozen=True, slots=True)
class Nominations:
    """Nominating from the phone and at the desk."""

    applications: Applications
    notifications: Notifications
    sealer: Sealer

    async def draft(
        self, actor: Actor, campaign: UUID, kind: SubjectKind, nominee: UUID, said: NominationInput
    ) -> Nominated:
        """Begin a nomination; where others' nomination of the same was sent, join it with one's own line.

        A worker nominates a colleague of the same unit, or oneself where the campaign allows it; an officer anybody of
        the unit, a team of it, or the unit. Raises NotFound for a nominee out of reach, RuleViolation with all that is
        wrong with the form, Conflict where the actor has nominated the same already.
        """
        require_sound(said, kind)
        async with transaction():
            row = await queries.campaign_row(campaign)
            if row["state"] != "open":
                raise RuleViolation.of("campaign_not_open", Text("本次评选未开放推荐。", "It is not open."), "campaign")
            terms = terms_of(queries.content_of(row))
            oneself = actor.person_id is not None and actor.person_id == nominee
            if oneself and not terms.self_nomination:
                raise RuleViolation.of(
                    "self_nomination",
                    Text("本次评选不接受自荐。", "Nobody nominates themselves for this award."),
                    "nominee",
                    "自下而上、逐级推荐",
                )
            subject = await _subject(actor, kind, nominee)
            if row["organiser"] not in subject.levels.values():
                raise NotFound(Text("没有找到这次评选。", "No such campaign."))
            await self._require_first(actor, campaign, nominee)
            live = await _live(campaign, nominee)
            if live is not None:
                await self._add_line(actor, live["id"], said.merit, oneself=oneself)
                return Nominated(await load_case(live["application"]), joined=True)
            case = await self.applications.draft(actor, KIND, row["programme_version"], subject, campaign)
            await self._write(actor, case, campaign, said, oneself=oneself)
        return Nominated(case, joined=False)

    async def amend(self, actor: Actor, application: UUID, said: NominationInput, expected_version: int) -> Case:
        """Change a nomination that is being filed."""
        async with transaction():
            case = await self.applications.filing(actor, application, expected_version, KIND)
            require_sound(said, case.subject_kind)
            await execute(
                "UPDATE nomination SET category = $2, traits = $3, merit_sealed = $4, merit_count = $5,"
                " form_sealed = $6, deed = $7 WHERE application = $1",
                case.id,
                said.category,
                msgspec.json.encode(said.traits).decode(),
                self.sealer.seal(said.merit, MERIT_PURPOSE),
                policy.characters(said.merit),
                self._sealed_form(said.fields),
                said.deed.strip(),
            )
            return case

    async def join(self, actor: Actor, application: UUID, expected_version: int) -> Case:
        """Give up one's own draft for the nomination of the same that others sent first; both lines are kept there."""
        async with transaction():
            case = await self.applications.filing(actor, application, expected_version, KIND)
            row = await queries.nomination_row(case.id)
            live = await _live(row["campaign"], case.subject)
            if live is None:
                raise Conflict("nothing_to_join", Text("没有可并入的推荐。", "There is no other nomination to join."))
            mine = (await queries.lines_of(row["id"]))[0]
            merit = self.sealer.open(row["merit_sealed"], MERIT_PURPOSE)
            await self._add_line(actor, live["id"], merit, oneself=mine["origin"] == "oneself")
            number = await fetch_value("SELECT number FROM application WHERE id = $1", live["application"])
            await self.applications.advance(
                actor, case.id, Action.WITHDRAW, expected_version=expected_version, comment=f"并入 {number}"
            )
            return await load_case(live["application"])

    async def answer(self, actor: Actor, application: UUID, *, agrees: bool, reason: str = "") -> Case:
        """The nominee consents, or refuses: a refusal ends the case, on record.

        Only the nominee in person, or the leader of the team, on the phone. Raises NotFound for anybody else, Conflict
        once it was answered or the unit has recommended.
        """
        if len(reason) > DEED_LIMIT:
            raise RuleViolation.of("too_long", Text("最多 200 字。", "At most 200 characters."), "reason")
        async with transaction():
            case = await self.applications.locked(application, Action.WITHDRAW)
            row = await queries.nomination_row(application) if case.kind == KIND else None
            mine = row is not None and actor.person_id is not None and actor.person_id == row["consent_person"]
            if row is None or not mine or Role.WORKER not in actor.roles:
                raise NotFound()
            if row["consent"] != "asked" or case.ended:
                raise Conflict("already_answered", Text("您已答复过。", "You have answered this already."))
            now = await self.applications.clock.now()
            await execute(
                "UPDATE nomination SET consent = $2, consent_at = $3 WHERE application = $1",
                application,
                "given" if agrees else "refused",
                now,
            )
            await record(
                actor,
                "nomination.consent",
                "done",
                object_kind="application",
                object_id=application,
                detail={"agrees": str(agrees)},
            )
            if agrees:
                return case
            comment = "被推荐人不同意推荐" + (f":{reason.strip()}" if reason.strip() else "")
            return await self.applications.step(actor, case, Action.WITHDRAW, now, comment=comment)

    async def mine(self, actor: Actor, application: UUID) -> Opened:
        """A nomination in clear for who filed it or whom it is about, on the phone; raises NotFound for others."""
        case = await load_case(application)
        row = await queries.nomination_row(application) if case.kind == KIND else None
        if row is None or Role.WORKER not in actor.roles:
            raise NotFound()
        nominee = actor.person_id is not None and actor.person_id == row["consent_person"]
        if not (nominee or actor.account_id == case.submitted_by):
            raise NotFound()
        return await self._opened(case, row, lines=False)

    async def look(self, actor: Actor, application: UUID) -> Opened:
        """A nomination in clear at the desk, with every line; the look is recorded. Raises as `require_readable`."""
        case = await require_readable(actor, self.applications, application)
        row = await queries.nomination_row(application)
        await record(actor, "nomination.look", "done", object_kind="application", object_id=application)
        return await self._opened(case, row, lines=True)

    async def new_team(self, actor: Actor, unit: UUID, name: str, members: list[UUID], leader: UUID) -> UUID:
        """Make a team of verified workers of the officer's own unit; raises RuleViolation with all that is wrong."""
        if unit not in {binding.union_id for binding in actor.unions_as(Role.UNIT_OFFICER)}:
            raise NotFound()
        people = list(dict.fromkeys([*members, leader]))
        known = await fetch_value(
            "SELECT count(*) FROM staff_record WHERE person = ANY($1) AND unit = $2 AND verified_at IS NOT NULL",
            people,
            unit,
        )
        found = []
        if not 2 <= len(name.strip()) <= FIELD_LIMIT:
            found.append(Violation("name_length", Text("名称为 2 至 60 字。", "2 to 60 characters."), "name"))
        found += private_words(name, "name")
        if known != len(people):
            found.append(
                Violation("members", Text("成员须为本单位已核实职工。", "Members are of the unit."), "members")
            )
        if len(people) < 2:
            found.append(
                Violation("members_few", Text("集体至少 2 人。", "A team has two members or more."), "members")
            )
        if found:
            raise RuleViolation(found)
        team = Team(
            id=new_id(),
            trade_union=unit,
            name=name.strip(),
            created_by=actor.account_id,
            created_at=await self.applications.clock.now(),
        )
        try:
            async with transaction():
                await Team.insert(team)
                for person in people:
                    await TeamMember.insert(TeamMember(team=team.id, person=person, leader=person == leader))
        except asyncpg.UniqueViolationError:
            raise Conflict("team_taken", Text("本单位已有同名集体。", "The unit has a team of this name.")) from None
        return UUID(str(team.id))

    async def _opened(self, case: Case, row: asyncpg.Record, *, lines: bool) -> Opened:
        found = await queries.lines_of(row["id"]) if lines else []
        return Opened(
            case=case,
            merit=self.sealer.open(row["merit_sealed"], MERIT_PURPOSE),
            fields=self.fields_of(row),
            lines=tuple(
                (
                    line["nominator_name"],
                    line["origin"],
                    self.sealer.open(line["merit_sealed"], MERIT_PURPOSE),
                    line["at"],
                )
                for line in found
            ),
        )

    def fields_of(self, row: asyncpg.Record) -> ApprovalFields:
        """The fields of the approval form of a nomination's row."""
        return msgspec.json.decode(self.sealer.open(row["form_sealed"], FORM_PURPOSE), type=ApprovalFields)

    async def _write(self, actor: Actor, case: Case, campaign: UUID, said: NominationInput, *, oneself: bool) -> None:
        now = await self.applications.clock.now()
        consenter = await _consenter(case)
        quota = await queries.quota_of(campaign, list(case.levels.values()))
        nomination = Nomination(
            id=new_id(),
            application=case.id,
            campaign=campaign,
            nominee=case.subject,
            standing="draft",
            category=said.category,
            traits=msgspec.json.encode(said.traits).decode(),
            merit_sealed=self.sealer.seal(said.merit, MERIT_PURPOSE),
            merit_count=policy.characters(said.merit),
            form_sealed=self._sealed_form(said.fields),
            deed=said.deed.strip(),
            consent="needless" if consenter is None else "given" if oneself else "asked",
            consent_person=consenter,
            consent_at=now if oneself else None,
            quota_union=quota["trade_union"] if quota else None,
        )
        await Nomination.insert(nomination)
        await self._add_line(actor, UUID(str(nomination.id)), said.merit, oneself=oneself)
        await self.applications.concern(case, await _persons(case))
        if consenter is not None and not oneself:
            await self._ask(case, consenter)

    async def _ask(self, case: Case, consenter: UUID) -> None:
        account = await fetch_value("SELECT id FROM worker_account WHERE person = $1", consenter)
        if account is not None:
            award = terms_of(case.content).honour
            await self.notifications.notify(
                new_id(), account, "nomination_consent", {"number": case.number, "award": award}, case.id
            )

    async def _add_line(self, actor: Actor, nomination: UUID, merit: str, *, oneself: bool) -> None:
        row = NominationLine(
            nomination=nomination,
            account=actor.account_id,
            person=actor.person_id,
            nominator_name=await _name_of(actor),
            origin="oneself" if oneself else "colleague" if Role.WORKER in actor.roles else "unit",
            merit_sealed=self.sealer.seal(merit, MERIT_PURPOSE),
            at=await self.applications.clock.now(),
        )
        try:
            async with transaction():
                await NominationLine.insert(row)
        except asyncpg.UniqueViolationError:
            raise _already() from None

    @staticmethod
    async def _require_first(actor: Actor, campaign: UUID, nominee: UUID) -> None:
        known = await fetch_value(
            "SELECT EXISTS (SELECT FROM nomination n JOIN nomination_line l ON l.nomination = n.id"
            " WHERE n.campaign = $1 AND n.nominee = $2 AND l.account = $3 AND n.standing <> 'over')",
            campaign,
            nominee,
            actor.account_id,
        )
        if known:
            raise _already()

    def _sealed_form(self, fields: ApprovalFields) -> bytes:
        return self.sealer.seal(msgspec.json.encode(fields).decode(), FORM_PURPOSE)


def require_sound(said: NominationInput, kind: SubjectKind) -> None:
    """Raise RuleViolation with everything in the form that no campaign could take."""
    found = []
    if len(said.merit) > MERIT_LIMIT or "\x00" in said.merit:
        found.append(_too_long("merit", MERIT_LIMIT))
    if len(said.deed) > DEED_LIMIT or "\x00" in said.deed:
        found.append(_too_long("deed", DEED_LIMIT))
    for name in said.fields.__struct_fields__:
        limit = RESUME_LIMIT if name == "resume" else FIELD_LIMIT
        value = getattr(said.fields, name)
        if len(value) > limit or "\x00" in value:
            found.append(_too_long(f"fields.{name}", limit))
    if said.category not in CATEGORIES_OF[kind]:
        found.append(
            Violation("category", Text("人员(单位)类别不符。", "That category is of another kind."), "category")
        )
    if told := sorted(set(said.traits) & FROM_FILE):
        found.append(
            Violation(
                "trait_from_file",
                Text(
                    f"以下身份由档案认定,不能填报:{'、'.join(told)}", f"The file tells this itself: {', '.join(told)}"
                ),
                "traits",
            )
        )
    if found:
        raise RuleViolation(found)


async def _subject(actor: Actor, kind: SubjectKind, nominee: UUID) -> Subject:
    """Whom or what the actor may nominate; raises NotFound for anything out of reach."""
    if kind is SubjectKind.PERSON:
        if Role.WORKER not in actor.roles:
            return await worker_filed_by(actor, nominee)
        if not await _same_unit(actor.person_id, nominee):
            raise NotFound(Text("没有找到这位同事。", "No such colleague."))
        return await worker(nominee)
    officer_of = [binding.union_id for binding in actor.unions_as(Role.UNIT_OFFICER)]
    if kind is SubjectKind.TEAM:
        row = await fetch_one(
            "SELECT t.name, u.* FROM team t JOIN LATERAL (SELECT national_id, province_id, city_id, county_id, unit_id"
            " FROM trade_union x WHERE x.id = t.trade_union) u ON true WHERE t.id = $1 AND t.trade_union = ANY($2)",
            nominee,
            officer_of,
        )
    elif kind is SubjectKind.UNIT:
        row = await fetch_one(
            "SELECT short_name AS name, national_id, province_id, city_id, county_id, unit_id FROM trade_union"
            " WHERE id = $1 AND id = ANY($2)",
            nominee,
            officer_of,
        )
    else:
        row = None
    if row is None:
        raise NotFound(Text("没有找到这个集体或单位。", "No such team or unit."))
    return Subject(kind, nominee, row["name"], levels_of(row))


async def _same_unit(person: UUID | None, other: UUID) -> bool:
    return bool(
        await fetch_value(
            "SELECT EXISTS (SELECT FROM staff_record a JOIN staff_record b ON b.unit = a.unit"
            " WHERE a.person = $1 AND b.person = $2 AND a.verified_at IS NOT NULL)",
            person,
            other,
        )
    )


async def _persons(case: Case) -> list[UUID]:
    """Whom the case is about: the nominee, or every member of the team."""
    if case.subject_kind is SubjectKind.PERSON:
        return [case.subject]
    return [row["person"] for row in await fetch("SELECT person FROM team_member WHERE team = $1", case.subject)]


async def _consenter(case: Case) -> UUID | None:
    """Who consents: the nominee, the leader of the team; nobody for a unit, whose own officer files."""
    if case.subject_kind is SubjectKind.PERSON:
        return case.subject
    person: UUID | None = await fetch_value("SELECT person FROM team_member WHERE team = $1 AND leader", case.subject)
    return person


async def _live(campaign: UUID, nominee: UUID) -> asyncpg.Record | None:
    """The nomination of somebody that counts, which other lines join."""
    return await fetch_one(
        "SELECT n.id, n.application FROM nomination n WHERE n.campaign = $1 AND n.nominee = $2 AND n.standing = 'live'",
        campaign,
        nominee,
    )


async def _name_of(actor: Actor) -> str:
    name = await fetch_value("SELECT name FROM person WHERE id = $1", actor.person_id)
    return name or actor.name


def _already() -> Conflict:
    return Conflict("already_nominated", Text("您已推荐过该对象。", "You have nominated the same already."))


def _too_long(field: str, limit: int) -> Violation:
    return Violation("too_long", Text(f"最多 {limit} 字。", f"At most {limit} characters."), field)
