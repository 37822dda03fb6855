"""Routes of commendation for the phone."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import asyncpg
import msgspec
from litestar import Response, Router
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from backend.applications.case import load_case
from backend.applications.lifecycle import SubjectKind
from backend.applications.papers import Slot
from backend.applications.programme import ProgrammeContent
from backend.applications.schemas import PaperOut, paper_out
from backend.certificates.pdf import certificate_pdf
from backend.certificates.service import Certificates, IssuedCertificate
from backend.certificates.shown import Kind
from backend.commendation import policy, queries
from backend.commendation.form import ApprovalForms
from backend.commendation.nominations import NominationInput, Nominations
from backend.commendation.privacy import private_words
from backend.commendation.schemas import (
    CampaignDetail,
    CampaignOut,
    ColleagueOut,
    Colleagues,
    ConsentIn,
    CountOut,
    HonourOut,
    JoinIn,
    NominatedOut,
    NominationAmend,
    NominationDraft,
    NominationFieldsIn,
    NominationOut,
    RuleOut,
    TextIn,
)
from backend.commendation.terms import INCIDENT_LABELS, CampaignTerms, Category, terms_of
from backend.errors import NotFound
from backend.identity import Actor
from backend.web.handlers import read, replace, write
from backend.web.idempotency import IdempotencyKey, once
from backend.web.paging import Cursor, Limit, Page, page, read_cursor
from backend.words import Language, Text

COLLEAGUES_SHOWN = 20

Words = Annotated[str, QueryParameter(name="q", min_length=1, max_length=30, description="Part of the name.")]


@read("/commendation/campaigns", operation_id="listCampaigns")
async def campaigns(actor: NamedDependency[Actor], cursor: Cursor = None, limit: Limit = 20) -> Page[CampaignOut]:
    """Campaigns of the unions above one's unit, newest first."""
    rows = await queries.open_campaigns(actor.person_id, read_cursor(cursor), limit + 1)
    return page(rows, limit, lambda row: row["id"], lambda row: CampaignOut(**_campaign(row)))


@read("/commendation/campaigns/{campaign_id:uuid}", operation_id="getCampaign")
async def campaign(campaign_id: FromPath[UUID], actor: NamedDependency[Actor]) -> CampaignDetail:
    """One campaign with its limits, ratios, bars and papers."""
    row = await _campaign_row(campaign_id)
    content = queries.content_of(row)
    terms = terms_of(content)
    return CampaignDetail(
        **_campaign(row),
        nominee_kinds=list(terms.kinds),
        self_nomination=terms.self_nomination,
        merit_least=terms.merit_least,
        merit_most=terms.merit_most,
        deed_most=terms.deed_most,
        ratios=_ratios(terms, actor.language),
        bars=_bars(terms, actor.language),
        papers=_papers(content, actor.language),
        notice_basis=content.notice_basis,
    )


@write("/commendation/campaigns/{campaign_id:uuid}/count", status_code=200, operation_id="countNomination")
async def count(campaign_id: FromPath[UUID], data: JSONBody[TextIn], actor: NamedDependency[Actor]) -> CountOut:
    """Count the texts while they are typed: characters without white space, beside the campaign's limits."""
    terms = terms_of(queries.content_of(await _campaign_row(campaign_id)))
    return CountOut(
        merit_count=policy.characters(data.merit),
        merit_least=terms.merit_least,
        merit_most=terms.merit_most,
        deed_count=policy.characters(data.deed),
        deed_most=terms.deed_most,
        problems=[one.message.in_(actor.language) for one in private_words(data.deed, "deed")],
    )


@read("/commendation/colleagues", operation_id="findColleagues")
async def colleagues(actor: NamedDependency[Actor], q: Words) -> Colleagues:
    """Verified workers of one's own unit, by part of their name."""
    rows = await queries.colleagues(actor.person_id, q.strip(), COLLEAGUES_SHOWN)
    return Colleagues([ColleagueOut(row["id"], row["name"], row["department"]) for row in rows])


@write("/commendation/nominations", status_code=201, operation_id="draftNomination")
async def draft(
    data: JSONBody[NominationDraft],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    nominations: NamedDependency[Nominations],
) -> NominatedOut:
    """Nominate a colleague, or oneself where it is allowed; another's nomination of the same is joined."""

    async def work() -> UUID:
        return (
            await nominations.draft(actor, data.campaign_id, SubjectKind.PERSON, data.nominee_id, _said(data))
        ).case.id

    done = await once(actor, "commendation.draft", idempotency_key, data, work)
    return await _nominated(actor, done.resource)


@replace("/commendation/nominations/{application_id:uuid}", operation_id="amendNomination")
async def amend(
    application_id: FromPath[UUID],
    data: JSONBody[NominationAmend],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    nominations: NamedDependency[Nominations],
) -> NominatedOut:
    """Change a nomination that is being filed."""

    async def work() -> UUID:
        return (await nominations.amend(actor, application_id, _said(data), data.version)).id

    await once(actor, f"commendation.amend:{application_id}", idempotency_key, data, work)
    return await _nominated(actor, application_id)


@read("/commendation/nominations/{application_id:uuid}", operation_id="getNomination")
async def get_nomination(
    application_id: FromPath[UUID], actor: NamedDependency[Actor], nominations: NamedDependency[Nominations]
) -> NominationOut:
    """A nomination in clear, to go on with it, or, as the nominee, to read what is said of oneself."""
    return await _shown(actor, application_id, nominations)


@write("/commendation/nominations/{application_id:uuid}/consent", status_code=200, operation_id="answerNomination")
async def consent(
    application_id: FromPath[UUID],
    data: JSONBody[ConsentIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    nominations: NamedDependency[Nominations],
) -> NominationOut:
    """Agree to be nominated, or refuse: a refusal ends the case, on record."""

    async def work() -> UUID:
        await nominations.answer(actor, application_id, agrees=data.agrees, reason=data.reason)
        return application_id

    await once(actor, f"commendation.consent:{application_id}", idempotency_key, data, work)
    return await _shown(actor, application_id, nominations)


@write("/commendation/nominations/{application_id:uuid}/join", status_code=200, operation_id="joinNomination")
async def join(
    application_id: FromPath[UUID],
    data: JSONBody[JoinIn],
    idempotency_key: IdempotencyKey,
    actor: NamedDependency[Actor],
    nominations: NamedDependency[Nominations],
) -> NominatedOut:
    """Give one's own draft up for the nomination of the same that others sent first; both lines are kept."""

    async def work() -> UUID:
        return (await nominations.join(actor, application_id, data.version)).id

    done = await once(actor, f"commendation.join:{application_id}", idempotency_key, data, work)
    return await _nominated(actor, done.resource)


@read(
    "/commendation/nominations/{application_id:uuid}/form",
    operation_id="printNomination",
    media_type="application/pdf",
)
async def form(
    application_id: FromPath[UUID], actor: NamedDependency[Actor], approval_forms: NamedDependency[ApprovalForms]
) -> Response[bytes]:
    """The approval form of one's own nomination, with the opinions so far, as a PDF."""
    return _pdf(await approval_forms.of_nominee(actor, application_id))


@read(
    "/commendation/nominations/{application_id:uuid}/certificate",
    operation_id="printCertificate",
    media_type="application/pdf",
)
async def certificate(
    application_id: FromPath[UUID],
    actor: NamedDependency[Actor],
    nominations: NamedDependency[Nominations],
    certificates: NamedDependency[Certificates],
) -> Response[bytes]:
    """The certificate of one's award as a PDF, with the QR code that verifies it; refused once it is revoked."""
    await nominations.mine(actor, application_id)
    issued = await _issued(application_id)
    if issued is None:
        raise NotFound(Text("尚未授予。", "No award was granted yet."))
    return _pdf(await certificate_pdf(issued, certificates.link(issued)))


@read("/commendation/honours", operation_id="listHonours")
async def honours(cursor: Cursor = None, limit: Limit = 20) -> Page[HonourOut]:
    """The honour roll, newest first: awards that stand, of those who consent to be published."""
    rows = await queries.honour_roll(read_cursor(cursor), limit + 1)
    return page(rows, limit, lambda row: row["id"], lambda row: HonourOut(**dict(row)))


def _pdf(content: bytes) -> Response[bytes]:
    return Response(content, media_type="application/pdf", headers={"Cache-Control": "no-store"})


async def _campaign_row(campaign_id: UUID) -> asyncpg.Record:
    row = await queries.campaign_row(campaign_id)
    if row["state"] == "drafted":
        raise NotFound(Text("没有找到这次评选。", "No such campaign."))
    return row


async def _nominated(actor: Actor, application_id: UUID) -> NominatedOut:
    case = await load_case(application_id)
    return NominatedOut(
        id=case.id,
        number=case.number,
        version=case.version_number,
        joined=case.submitted_by != actor.account_id,
    )


async def _shown(actor: Actor, application_id: UUID, nominations: Nominations) -> NominationOut:
    opened = await nominations.mine(actor, application_id)
    row = await queries.nomination_row(application_id)
    terms = terms_of(opened.case.content)
    decided = opened.case.decided_at is not None
    issued = await _issued(application_id)
    return NominationOut(
        id=opened.case.id,
        number=opened.case.number,
        campaign=row["campaign_name"],
        honour=terms.honour,
        nominee=opened.case.subject_name,
        category=Category(row["category"]),
        traits=list(queries.traits_of(row)),
        merit=opened.merit,
        merit_count=row["merit_count"],
        merit_least=terms.merit_least,
        merit_most=terms.merit_most,
        deed=row["deed"],
        fields=opened.fields,
        consent=row["consent"],
        score=row["score"] / 100 if decided and row["score"] is not None else None,
        certificate=f"/certificates/{issued.token}" if issued is not None else None,
        version=opened.case.version_number,
    )


async def _issued(application_id: UUID) -> IssuedCertificate | None:
    award = await queries.award_of(application_id)
    return await Certificates.of(Kind.AWARD, award["id"]) if award is not None else None


def _said(data: NominationFieldsIn) -> NominationInput:
    return NominationInput(data.category, data.merit, data.deed, tuple(dict.fromkeys(data.traits)), data.fields)


def _campaign(row: asyncpg.Record) -> dict[str, Any]:
    content = msgspec.json.decode(row["content"], type=ProgrammeContent)
    return {
        "id": row["id"],
        "name": row["name"],
        "organiser": row["organiser_name"],
        "honour": terms_of(content).honour,
        "state": row["state"],
        "opens_at": row["opens_at"],
        "closes_at": row["closes_at"],
    }


def _ratios(terms: CampaignTerms, language: Language) -> list[RuleOut]:
    return [
        RuleOut(label=check.ratio.label.in_(language), limit=check.limit.in_(language), clause=check.ratio.clause)
        for check in policy.check_ratios([], terms.ratios)
    ]


def _bars(terms: CampaignTerms, language: Language) -> list[RuleOut]:
    spans = {0: Text("当年", "in the same year")}
    return [
        RuleOut(
            label=INCIDENT_LABELS[bar.incident].in_(language),
            limit=spans.get(bar.years, Text(f"{bar.years} 年内", f"within {bar.years} years")).in_(language),
            clause=bar.clause,
        )
        for bar in terms.bars
    ]


def _papers(content: ProgrammeContent, language: Language) -> list[PaperOut]:
    return [
        paper_out(Slot(paper, ()), language)
        for paper in content.papers
        if not paper.due_stage and (not paper.subjects or SubjectKind.PERSON in paper.subjects)
    ]


ROUTER = Router(
    "",
    tags=["commendation"],
    route_handlers=[
        campaigns,
        campaign,
        count,
        colleagues,
        draft,
        amend,
        get_nomination,
        consent,
        join,
        form,
        certificate,
        honours,
    ],
)
