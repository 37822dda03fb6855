"""The invented city with an award, and the whole country with another; every person is invented."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from backend.applications.case import Case, load_case
from backend.applications.committee import ReviewInput
from backend.applications.lifecycle import Action, StageKind, SubjectKind
from backend.applications.noticeboard import waiting_for
from backend.applications.notices import Waiting
from backend.applications.programme import PaperRequirement, ProgrammeContent, Stage
from backend.applications.programmes import Programmes
from backend.applications.tables import Programme
from backend.clock import LOCAL, set_business_clock
from backend.commendation.awards import GrantInput
from backend.commendation.campaigns import CampaignInput
from backend.commendation.clearances import ReplyInput
from backend.commendation.nominations import Nominated, NominationInput
from backend.commendation.recommendations import MeetingInput, RecommendationInput
from backend.commendation.terms import CampaignTerms, Category, terms_of
from backend.commendation.workflow import CITY_ROUTE, NATIONAL_ROUTE, NOTICE_BASIS, PAPERS
from backend.composition import compose
from backend.database import execute, fetch, fetch_value, new_id
from backend.documents.service import NAME_PURPOSE
from backend.identity import Actor, Role
from backend.operations.demo import (
    AWARD_LOGINS,
    LOGINS,
    DemoLogin,
    demo_actor,
    seed_logins,
    seed_programme,
    seed_reference,
)
from backend.operations.demo_awards import (
    CITY_TERMS,
    NOMINATION,
    campaign_version,
    seed_award_programme,
    terms_as_stored,
)
from backend.operations.embedded_postgres import OWNER
from backend.processes import PROCESSES
from backend.settings import settings
from tests.integration.stay_world import BEGINS, PASSWORD, TOTP_SECRET, World
from tests.services import dsn, logged_in_as

#: Enough people that every stage finds somebody who has not acted before.
MORE_LOGINS = (
    *AWARD_LOGINS,
    *(DemoLogin(f"p-reviewer-{n}", f"省委员{n}", (Role.REVIEWER,), "province") for n in range(3)),
    *(DemoLogin(f"p-chair-{n}", f"省主任{n}", (Role.CHAIR,), "province") for n in range(2)),
    *(DemoLogin(f"n-reviewer-{n}", f"国委员{n}", (Role.REVIEWER,), "national") for n in range(4)),
    *(DemoLogin(f"n-chair-{n}", f"国主任{n}", (Role.CHAIR,), "national") for n in range(4)),
    DemoLogin("n-hr", "国核验", (Role.HR_VERIFIER,), "national"),
)

PRELIMINARY = ("reviewer-zhou", "reviewer-zheng")
FINAL = ("reviewer-chen", "reviewer-jiang", "reviewer-shen")

MEETING = MeetingInput("congress", date(2026, 3, 2), 60, 50)


def scored(score: int, *, passes: bool = True) -> ReviewInput:
    """A review of the same score in every criterion."""
    return ReviewInput(passes, {"deeds": score, "conduct": score, "effect": score})


@dataclass(frozen=True)
class AwardWorld(World):
    """The world of stays with an award programme beside."""

    award_version: UUID

    async def campaign(
        self,
        quotas: Mapping[str, tuple[int, int]] | None = None,
        *,
        version: UUID | None = None,
        organiser: str = "city",
        opened: bool = True,
    ) -> UUID:
        """A campaign of three weeks."""
        drafter, chair = ("hr-wang", "chair-han") if organiser == "city" else ("n-hr", "n-chair-0")
        now = await self.services.clock.now()
        campaign = await self.services.campaigns.draft(
            self.by[drafter],
            CampaignInput(
                version or self.award_version, "五一劳动奖章", now - timedelta(days=1), now + timedelta(days=30)
            ),
            self.unions[organiser],
        )
        for unit, (mains, reserves) in (quotas or {}).items():
            await self.services.campaigns.set_quota(
                self.by[chair], campaign, self.unions[unit], mains, reserves, "按人数", await campaign_version(campaign)
            )
        if opened:
            await self.services.campaigns.open_(self.by[chair], campaign, await campaign_version(campaign))
        return campaign

    async def nominated(
        self, nominator: Actor, nominee: Actor, campaign: UUID, said: NominationInput = NOMINATION
    ) -> Nominated:
        """A draft by a colleague, with the nominee's own papers attached."""
        assert nominee.person_id is not None
        made = await self.services.nominations.draft(nominator, campaign, SubjectKind.PERSON, nominee.person_id, said)
        if not made.joined:
            upload = await self.paper(nominee, "resident_id")
            await self.services.applications.attach(nominator, made.case.id, "identity", upload)
        return made

    async def submitted_nomination(
        self,
        nominator: Actor,
        nominee: Actor,
        campaign: UUID,
        said: NominationInput = NOMINATION,
        *,
        agreed: bool = True,
    ) -> Case:
        """A nomination that was sent, and that the nominee agreed to."""
        made = await self.nominated(nominator, nominee, campaign, said)
        if agreed and nominator != nominee:
            await self.services.nominations.answer(nominee, made.case.id, agrees=True)
        return await self.act(nominator, made.case, Action.SUBMIT)

    async def paper(self, worker: Actor, kind: str, state: str = "checked") -> UUID:
        """A paper of a worker's as the database has it once it was sent, with the name that the desk shows."""
        upload = await World.paper(self, worker, kind, state)
        await self._named(upload, kind)
        return upload

    async def case_paper(self, case: Case, kind: str) -> UUID:
        """A paper of the case itself, as the database has it once it was taken in at the counter."""
        upload = new_id()
        await execute(
            "INSERT INTO upload (id, kind, owner_application, reserved_by, state, object_key, reserved_at)"
            " VALUES ($1, $2, $3, $4, 'checked', $5, $6)",
            upload,
            kind,
            case.id,
            case.submitted_by,
            upload.hex,
            await self.services.clock.now(),
        )
        await self._named(upload, kind)
        return upload

    async def _named(self, upload: UUID, kind: str) -> None:
        await execute(
            "UPDATE upload SET name_sealed = $2, declared_type = 'image/png', declared_size = 100,"
            " declared_sha256 = $3, rendition_key = $4, pages = 1 WHERE id = $1",
            upload,
            self.services.sealer.seal(f"{kind}.png", NAME_PURPOSE),
            hashlib.sha256(upload.bytes).digest(),
            f"r{upload.hex}",
        )

    async def bring(self, who: str, case: Case, requirement: str, kind: str) -> UUID:
        """Attach a paper that the present stage asks for."""
        upload = await self.case_paper(case, kind)
        await self.services.applications.attach(self.by[who], case.id, requirement, upload)
        return upload

    async def do(self, who: str, case: Case, action: Action, details: msgspec.Struct, comment: str = "同意") -> Case:
        """One step with a form."""
        current = await load_case(case.id)
        return await self.services.applications.advance(
            self.by[who],
            case.id,
            action,
            expected_version=current.version_number,
            comment=comment,
            details=details,
        )

    async def recommended(self, case: Case, rank: int, officer: str = "officer-daizong", votes: int = 45) -> Case:
        """A nomination that the unit recommended by its congress."""
        await self.bring(officer, case, "minutes", "congress_minutes")
        return await self.do(officer, case, Action.RECOMMEND, RecommendationInput(MEETING, votes, rank))

    async def announced(self, who: str) -> UUID:
        """Put on notice whatever waits for this officer or chair."""
        (waits,) = await waiting_for(self.by[who], self.services.applications.processes)
        return await self.services.notices.announce(
            self.by[who],
            Waiting(
                waits["kind"], waits["programme_version"], waits["aggregate"], waits["stage"], waits["acting_union"]
            ),
        )

    async def notice_ends(self, notice: UUID) -> None:
        """Let time pass until the morning after a notice's last day."""
        last_on = await fetch_value("SELECT last_on FROM notice WHERE id = $1", notice)
        await self.at(datetime.combine(last_on + timedelta(days=1), datetime.min.time(), LOCAL) + timedelta(hours=9))
        await self.services.deadlines.run()

    async def through_unit_notice(self, cases: Sequence[Case], officer: str = "officer-daizong") -> list[Case]:
        """Recommended nominations after the unit's notice, with its proof on file."""
        notice = await self.announced(officer)
        for case in cases:
            await self.bring(officer, case, "unit_notice_proof", "notice_certificate")
        await self.notice_ends(notice)
        return [await load_case(case.id) for case in cases]

    async def replied(
        self, case: Case, who: str = "hr-wang", *, favourable: bool = True, replied_on: date | None = None
    ) -> None:
        """A reply of every authority that is asked."""
        upload = await self.bring(who, case, "replies", "consent_opinion")
        category = Category(await fetch_value("SELECT category FROM nomination WHERE application = $1", case.id))
        today = await self.services.clock.today()
        for authority in terms_of(case.content).authorities_for(category):
            await self.services.clearances.reply(
                self.by[who],
                case.id,
                ReplyInput(authority.key, favourable, "无违法犯罪记录", "复函 1 号", replied_on or today, upload),
                (await load_case(case.id)).version_number,
            )

    async def cleared(self, case: Case, who: str = "hr-wang") -> Case:
        """A nomination that every authority agrees to."""
        await self.replied(case, who)
        return await self.act(self.by[who], case, Action.CLEAR, "各部门均同意")

    async def reviewed(self, case: Case, reviewers: Sequence[str], chair: str, score: int = 80) -> Case:
        """A round of a committee that passes."""
        for reviewer in reviewers:
            await self.review(reviewer, case, scored(score))
        return await self.act(self.by[chair], case, Action.DECIDE, "通过")

    async def at_slate(self, cases: Sequence[Case], scores: Sequence[int]) -> list[Case]:
        """Nominations of one unit that came through every gate of the city's route."""
        for rank, case in enumerate(cases, start=1):
            await self.recommended(case, rank)
        await self.through_unit_notice(cases)
        for case, score in zip(cases, scores, strict=True):
            await self.cleared(case)
            await self.reviewed(case, PRELIMINARY, "chair-han", score)
            await self.reviewed(case, FINAL, "chair-yang", score)
        return [await load_case(case.id) for case in cases]

    async def window_closes(self, campaign: UUID) -> None:
        """Let time pass until nominations are closed."""
        closes_at = await fetch_value("SELECT closes_at FROM campaign WHERE id = $1", campaign)
        if closes_at > await self.services.clock.now():
            await self.at(closes_at + timedelta(minutes=1))

    async def grant(self, who: str, case: Case, document: str = "泰会发〔2026〕12号") -> Case:
        """The award itself."""
        return await self.do(who, case, Action.GRANT, GrantInput(document, await self.services.clock.today()))

    async def award_programme(
        self,
        terms: CampaignTerms,
        route: tuple[Stage, ...],
        organiser: str = "city",
        papers: tuple[PaperRequirement, ...] = PAPERS,
    ) -> UUID:
        """Another award, published."""
        drafter, chair = ("hr-wang", "chair-han") if organiser == "city" else ("n-hr", "n-chair-0")
        if StageKind.CLEARANCE not in [stage.kind for stage in route]:
            papers = tuple(paper for paper in papers if paper.due_stage != "clearance")
        programme = Programme(
            id=new_id(),
            kind="commendation",
            organiser=self.unions[organiser],
            code=new_id().hex[:12],
            name_zh="另一奖项",
            name_en="Another award",
        )
        async with logged_in_as(OWNER):
            await Programme.insert(programme)
            programmes = Programmes(PROCESSES, self.services.clock)
            content = ProgrammeContent(route, papers, (), NOTICE_BASIS, terms_as_stored(terms))
            version = await programmes.draft(self.by[drafter], UUID(str(programme.id)), content)
            await programmes.publish(self.by[chair], version)
        return version


async def make_award_world() -> AwardWorld:
    """The world above at nine in the morning of 2 March 2026."""
    services = compose(settings())
    await set_business_clock(dsn(OWNER), BEGINS)
    logins = (*LOGINS, *MORE_LOGINS)
    async with logged_in_as(OWNER):
        unions = await seed_reference(services.clock)
        accounts = await seed_logins(unions, PASSWORD, TOTP_SECRET, services.sealer, logins)
        version = await seed_programme(unions, accounts, services.clock)
        by = {login.username: demo_actor(login, unions, accounts) for login in logins}
        award_version = await seed_award_programme(unions, by, services.clock)
    persons = {row["id"]: row["person"] for row in await fetch("SELECT id, person FROM console_account")}
    return AwardWorld(
        services=services,
        unions=unions,
        by={
            name: Actor(actor.account_id, actor.name, persons[actor.account_id], actor.employer_id, actor.bindings)
            for name, actor in by.items()
        },
        version=version,
        emergency=await fetch_value("SELECT id FROM emergency"),
        sanatorium=await fetch_value("SELECT id FROM sanatorium ORDER BY name LIMIT 1"),
        award_version=award_version,
    )


async def lenient_campaign(world: AwardWorld, mains: int, reserves: int, **terms: Any) -> UUID:
    """A campaign of the first hospital's that asks for no share of anybody."""
    version = await world.award_programme(msgspec.structs.replace(LENIENT, **terms), CITY_ROUTE)
    return await world.campaign({"daizong": (mains, reserves)}, version=version)


LENIENT = msgspec.structs.replace(CITY_TERMS, ratios=())
NATIONAL_TERMS = msgspec.structs.replace(CITY_TERMS, honour="全国五一劳动奖章(示例)", ratios=(), quota_mains=1)

__all__ = ["NATIONAL_ROUTE", "AwardWorld", "make_award_world"]
