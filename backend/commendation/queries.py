"""Read-only questions of commendation, one statement each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import msgspec

from backend.applications.allocation import Candidate, Places, lot
from backend.applications.case import Case
from backend.applications.lifecycle import StageKind, SubjectKind
from backend.applications.programme import ProgrammeContent, Stage
from backend.commendation.facts import CampaignFacts, ClearanceFact, HonourFact, IncidentFact, NominationFacts
from backend.commendation.terms import CampaignTerms, Category, Trait, terms_of
from backend.database import fetch, fetch_one, fetch_value
from backend.errors import NotFound
from backend.identity import Binding
from backend.unions.scope import scope_sql
from backend.words import Text

#: A main that holds a place of its campaign: anything but a case that ended without the award.
HOLDING = "a.placement = 'main' AND a.state NOT IN ('declined', 'lapsed', 'rejected', 'withdrawn')"

_NO_CAMPAIGN = Text("没有找到这次评选。", "No such campaign.")


async def campaign_row(campaign: UUID | None) -> asyncpg.Record:
    """A campaign with its organiser and programme; raises NotFound."""
    row = await fetch_one(
        """SELECT c.*, u.name AS organiser_name, v.content, p.name_zh AS programme_zh, p.name_en AS programme_en
        FROM campaign c JOIN trade_union u ON u.id = c.organiser JOIN programme_version v ON v.id = c.programme_version
        JOIN programme p ON p.id = v.programme WHERE c.id = $1""",
        campaign,
    )
    if row is None:
        raise NotFound(_NO_CAMPAIGN)
    return row


def content_of(row: asyncpg.Record) -> ProgrammeContent:
    """What the version of a row of `campaign_row` says."""
    return msgspec.json.decode(row["content"], type=ProgrammeContent)


async def require_campaign_in_scope(bindings: Sequence[Binding], campaign: UUID) -> asyncpg.Record:
    """A campaign whose organiser these bindings reach, or which gives places to a union of theirs; raises NotFound."""
    condition, params = scope_sql(bindings, "u", 2)
    reached = await fetch_value(
        f"SELECT EXISTS (SELECT FROM campaign c JOIN trade_union u ON u.id = c.organiser"
        f" WHERE c.id = $1 AND {condition}) OR EXISTS (SELECT FROM campaign c JOIN trade_union u ON c.organiser IN"
        f" (u.national_id, u.province_id, u.city_id, u.county_id, u.unit_id)"
        f" WHERE c.id = $1 AND c.state <> 'drafted' AND {condition})",
        campaign,
        *params,
    )
    if not reached:
        raise NotFound(_NO_CAMPAIGN)
    return await campaign_row(campaign)


async def organiser_in_scope(bindings: Sequence[Binding], campaign: UUID) -> bool:
    """Whether these bindings reach the organiser of a campaign, and with it every nomination there."""
    condition, params = scope_sql(bindings, "u", 2)
    return bool(
        await fetch_value(
            f"SELECT EXISTS (SELECT FROM campaign c JOIN trade_union u ON u.id = c.organiser"
            f" WHERE c.id = $1 AND {condition})",
            campaign,
            *params,
        )
    )


async def campaigns_in_scope(bindings: Sequence[Binding]) -> Sequence[asyncpg.Record]:
    """The campaigns that `require_campaign_in_scope` gives, newest first, with their counts."""
    condition, params = scope_sql(bindings, "u", 1)
    return await fetch(
        f"""SELECT c.id, c.name, c.state, c.opens_at, c.closes_at, o.name AS organiser_name,
            count(a.id) FILTER (WHERE a.state <> 'draft') AS nominated,
            count(a.id) FILTER (WHERE a.state = 'granted') AS granted
        FROM campaign c JOIN trade_union o ON o.id = c.organiser LEFT JOIN application a ON a.aggregate = c.id
        WHERE EXISTS (SELECT FROM trade_union u WHERE {condition} AND (u.id = c.organiser OR (c.state <> 'drafted'
            AND c.organiser IN (u.national_id, u.province_id, u.city_id, u.county_id, u.unit_id))))
        GROUP BY c.id, o.name ORDER BY c.id DESC LIMIT 100""",
        *params,
    )


async def open_campaigns(person: UUID | None, after: UUID | None, limit: int) -> Sequence[asyncpg.Record]:
    """The campaigns of the unions above a worker that are not only drafted, newest first."""
    return await fetch(
        """SELECT c.id, c.name, c.state, c.opens_at, c.closes_at, u.name AS organiser_name, v.content
        FROM campaign c JOIN trade_union u ON u.id = c.organiser JOIN programme_version v ON v.id = c.programme_version
        JOIN staff_record r ON r.person = $1
            AND c.organiser IN (r.national_id, r.province_id, r.city_id, r.county_id, r.unit_id)
        WHERE c.state <> 'drafted' AND ($2::uuid IS NULL OR c.id < $2) ORDER BY c.id DESC LIMIT $3""",
        person,
        after,
        limit,
    )


async def quotas(campaign: UUID) -> Sequence[asyncpg.Record]:
    """The quotas of a campaign with the main places that are held now."""
    return await fetch(
        f"""SELECT q.trade_union, u.name, u.short_name, q.mains, q.reserves,
            (SELECT count(*) FROM application a JOIN nomination n ON n.application = a.id
                WHERE a.aggregate = q.campaign AND n.quota_union = q.trade_union AND {HOLDING}) AS held
        FROM campaign_quota q JOIN trade_union u ON u.id = q.trade_union WHERE q.campaign = $1 ORDER BY u.name""",
        campaign,
    )


async def quota_of(campaign: UUID, levels: Sequence[UUID | None]) -> asyncpg.Record | None:
    """The quota that a line of unions (from the top down) falls under: the nearest union that the campaign names."""
    return await fetch_one(
        """SELECT q.trade_union, q.mains, q.reserves FROM campaign_quota q
        JOIN unnest($2::uuid[]) WITH ORDINALITY AS l (id, depth) ON l.id = q.trade_union
        WHERE q.campaign = $1 ORDER BY l.depth DESC LIMIT 1""",
        campaign,
        list(levels),
    )


async def quota_for_unit(campaign: UUID, unit: UUID) -> asyncpg.Record | None:
    """The quota that the nominees of one unit fall under, with the name of the union that holds it."""
    return await fetch_one(
        """SELECT q.mains, q.reserves, o.name FROM campaign_quota q JOIN trade_union u ON u.id = $2
        JOIN trade_union o ON o.id = q.trade_union
        WHERE q.campaign = $1 AND q.trade_union IN (u.unit_id, u.county_id, u.city_id, u.province_id, u.national_id)
        ORDER BY array_position(ARRAY[u.unit_id, u.county_id, u.city_id, u.province_id, u.national_id], q.trade_union)
        LIMIT 1""",
        campaign,
        unit,
    )


async def has_quotas(campaign: UUID) -> bool:
    """Whether the campaign divides its places at all: an instant commendation (即时表彰) may not."""
    return bool(await fetch_value("SELECT EXISTS (SELECT FROM campaign_quota WHERE campaign = $1)", campaign))


async def nomination_row(application: UUID) -> asyncpg.Record:
    """A nomination with its campaign; raises NotFound."""
    row = await fetch_one(
        """SELECT n.*, c.name AS campaign_name, c.state AS campaign_state, c.organiser, c.opens_at, c.closes_at,
            q.name AS quota_name, m.kind AS meeting_kind, m.held_on, m.members, m.present
        FROM nomination n JOIN campaign c ON c.id = n.campaign LEFT JOIN trade_union q ON q.id = n.quota_union
        LEFT JOIN meeting m ON m.id = n.meeting WHERE n.application = $1""",
        application,
    )
    if row is None:
        raise NotFound()
    return row


def traits_of(row: asyncpg.Record) -> tuple[Trait, ...]:
    """The declared traits of a nomination."""
    return msgspec.json.decode(row["traits"], type=tuple[Trait, ...])


async def lines_of(nomination: UUID) -> Sequence[asyncpg.Record]:
    """Who nominated, oldest first; the words are sealed."""
    return await fetch(
        "SELECT account, person, nominator_name, origin, merit_sealed, at FROM nomination_line WHERE nomination = $1"
        " ORDER BY at",
        nomination,
    )


async def nominated_by(application: UUID, account: UUID, person: UUID | None) -> bool:
    """Whether somebody is among those who nominated in this case, by login or as a person."""
    return bool(
        await fetch_value(
            "SELECT EXISTS (SELECT FROM nomination_line l JOIN nomination n ON n.id = l.nomination"
            " WHERE n.application = $1 AND (l.account = $2 OR l.person = $3))",
            application,
            account,
            person,
        )
    )


async def file_traits(kind: SubjectKind, nominee: UUID) -> list[Trait]:
    """The traits that the file itself tells of a person: sex, and service at the front as medical staff."""
    if kind is not SubjectKind.PERSON:
        return []
    row = await fetch_one(
        """SELECT p.sex = 'female' AS woman, EXISTS (SELECT FROM staff_record r JOIN service_period s ON s.record = r.id
            WHERE r.person = p.id AND r.population = 'frontline_medical' AND r.verified_at IS NOT NULL) AS medical
        FROM person p WHERE p.id = $1""",
        nominee,
    )
    if row is None:
        return []
    told = ((Trait.WOMAN, row["woman"]), (Trait.FRONTLINE_MEDICAL, row["medical"]))
    return [trait for trait, holds in told if holds]


async def nomination_facts(case: Case) -> NominationFacts:
    """What a nomination is judged on."""
    row = await nomination_row(case.id)
    terms = terms_of(case.content)
    kind, nominee = case.subject_kind, case.subject
    quota = await quota_of(row["campaign"], list(case.levels.values()))
    places = quota["mains"] + quota["reserves"] if quota else 0
    if quota is None and not await has_quotas(row["campaign"]):
        places = terms.quota_mains + terms.quota_reserves
    return NominationFacts(
        kind=kind,
        category=Category(row["category"]),
        by_oneself=await nominated_by(case.id, UUID(int=0), nominee),
        traits=(*traits_of(row), *await file_traits(kind, nominee)),
        merit_count=row["merit_count"],
        deed=row["deed"],
        foreigner=await _is_foreigner(case),
        honours=await honours_of(case),
        incidents=await incidents_of(case),
        places=places,
        campaign=CampaignFacts(row["campaign_state"], row["opens_at"], row["closes_at"]),
    )


async def _is_foreigner(case: Case) -> bool:
    """Known by a foreign passport and by no document of a Chinese citizen."""
    types = {
        row["type"] for row in await fetch("SELECT type FROM person_identifier WHERE person = $1", case.subject_person)
    }
    return types == {"foreign_passport"}


async def honours_of(case: Case) -> tuple[HonourFact, ...]:
    """What a nominee holds: honours on file, and awards that were granted here and stand."""
    rows = await fetch(
        """SELECT h.title, h.level, h.awarded_on FROM honour h JOIN staff_record r ON r.id = h.record
            WHERE r.person = $1
        UNION SELECT w.title, v.content -> 'terms' ->> 'level', w.granted_on FROM award w
            JOIN nomination n ON n.application = w.application JOIN campaign c ON c.id = w.campaign
            JOIN programme_version v ON v.id = c.programme_version WHERE n.nominee = $2 AND w.revoked_on IS NULL
        ORDER BY 3, 1""",
        case.subject_person,
        case.subject,
    )
    return tuple(msgspec.convert(dict(row), HonourFact) for row in rows)


async def incidents_of(case: Case) -> tuple[IncidentFact, ...]:
    """What is on record against the unit of a nominee, or against the persons whom the case is about."""
    rows = await fetch(
        "SELECT incident, happened_on FROM incident WHERE trade_union = $1"
        " OR person IN (SELECT person FROM application_person WHERE application = $2) ORDER BY happened_on, id",
        next((union for union in reversed(list(case.levels.values())) if union is not None), None),
        case.id,
    )
    return tuple(msgspec.convert({"incident": row["incident"], "on": row["happened_on"]}, IncidentFact) for row in rows)


async def replies(application: UUID) -> dict[str, ClearanceFact]:
    """The latest reply of each authority about a nominee."""
    rows = await fetch(
        """SELECT DISTINCT ON (c.authority) c.authority, c.favourable, c.replied_on, c.expires_on, c.opinion,
            u.state IN ('uploaded', 'checked', 'verified') AS paper
        FROM clearance c JOIN upload u ON u.id = c.paper WHERE c.application = $1
        ORDER BY c.authority, c.recorded_at DESC""",
        application,
    )
    return {row["authority"]: msgspec.convert(dict(row), ClearanceFact) for row in rows}


async def all_replies(application: UUID) -> Sequence[asyncpg.Record]:
    """Every reply on record, newest first: an earlier one is never overwritten."""
    return await fetch("SELECT * FROM clearance WHERE application = $1 ORDER BY recorded_at DESC", application)


def stage_of(content: ProgrammeContent, kind: StageKind) -> Stage:
    """The last stage of a kind on a route that was checked to have one."""
    return [stage for stage in content.route if stage.kind is kind][-1]


async def undecided(campaign: UUID, slate_stage: str) -> Sequence[asyncpg.Record]:
    """The cases that hold a slate up: on their way to it, those with the nominator included, drafts left out."""
    return await fetch(
        "SELECT id, number, subject_name, state, stage FROM application WHERE aggregate = $1 AND stage <> ''"
        " AND state <> 'draft' AND stage <> $2 AND placement = '' ORDER BY id LIMIT 100",
        campaign,
        slate_stage,
    )


async def entrants(campaign: UUID, slate_stage: str) -> Sequence[asyncpg.Record]:
    """The cases of a slate: before it is confirmed those that came through every gate, afterwards those it placed."""
    return await fetch(
        """SELECT a.id, a.number, a.subject_kind, a.subject_name, a.state, a.stage, a.placement, a.rank,
            coalesce(u.short_name, '') AS unit_name, coalesce(q.short_name, '') AS quota_name, n.quota_union, n.nominee,
            n.traits, n.score, n.unit_rank, n.category,
            a.subject_kind = 'person' AND EXISTS (SELECT FROM person p WHERE p.id = n.nominee AND p.sex = 'female')
                AS woman,
            a.subject_kind = 'person' AND EXISTS (SELECT FROM staff_record r JOIN service_period s ON s.record = r.id
                WHERE r.person = n.nominee AND r.population = 'frontline_medical' AND r.verified_at IS NOT NULL)
                AS medical
        FROM application a JOIN nomination n ON n.application = a.id LEFT JOIN trade_union u ON u.id = a.unit_id
        LEFT JOIN trade_union q ON q.id = n.quota_union
        WHERE a.aggregate = $1 AND (a.stage = $2 OR a.placement <> '') ORDER BY a.placement, a.rank, a.id""",
        campaign,
        slate_stage,
    )


async def held(campaign: UUID) -> Counter[UUID | None]:
    """The main places held now, by quota union."""
    rows = await fetch(
        f"SELECT n.quota_union, count(*) AS held FROM application a JOIN nomination n ON n.application = a.id"
        f" WHERE a.aggregate = $1 AND {HOLDING} GROUP BY n.quota_union",
        campaign,
    )
    return Counter({row["quota_union"]: row["held"] for row in rows})


async def main_places(campaign: UUID, terms: CampaignTerms) -> Places:
    """The main places of a campaign with those that are held now."""
    rows = await quotas(campaign)
    return Places(terms.quota_mains, {row["trade_union"]: row["mains"] for row in rows} or None, await held(campaign))


async def waiting_reserves(campaign: UUID) -> list[Candidate]:
    """The reserves that can be promoted now, by rank."""
    return [
        Candidate(row["id"], 0, lot(campaign, row["nominee"]), row["quota_union"])
        for row in await fetch(
            "SELECT a.id, n.nominee, n.quota_union FROM application a JOIN nomination n ON n.application = a.id"
            " WHERE a.aggregate = $1 AND a.state = 'reserve' ORDER BY a.rank, a.id",
            campaign,
        )
    ]


async def choices(campaign: UUID) -> Sequence[asyncpg.Record]:
    """Where the chair departed from scores and ratios, and why."""
    return await fetch(
        "SELECT s.*, a.number, a.subject_name FROM slate_choice s LEFT JOIN application a ON a.id = s.application"
        " WHERE s.campaign = $1 ORDER BY s.id",
        campaign,
    )


async def waiting_recommendation(campaign: UUID, union: UUID) -> Sequence[asyncpg.Record]:
    """The nominations of one unit that wait for its recommendation, and those it has recommended, by rank."""
    return await fetch(
        """SELECT a.id, a.number, a.subject_name, a.subject_kind, a.state, a.stage, a.version, n.consent, n.category,
            n.unit_rank, n.votes_for, m.kind AS meeting_kind, m.held_on, m.members, m.present,
            (SELECT count(*) FROM nomination_line l WHERE l.nomination = n.id) AS lines,
            (SELECT count(*) FROM application_document d WHERE d.application = a.id AND d.requirement = 'minutes')
                AS minutes
        FROM application a JOIN nomination n ON n.application = a.id LEFT JOIN meeting m ON m.id = n.meeting
        WHERE a.aggregate = $1 AND a.unit_id = $2 AND a.state NOT IN ('draft', 'returned', 'withdrawn')
            AND (a.stage <> '' OR n.unit_rank IS NOT NULL)
        ORDER BY n.unit_rank NULLS LAST, a.id""",
        campaign,
        union,
    )


async def recommended_of(campaign: UUID, quota_union: UUID | None) -> int:
    """How many nominees were recommended under a quota and have not fallen out."""
    return int(
        await fetch_value(
            "SELECT count(*) FROM nomination WHERE campaign = $1 AND quota_union IS NOT DISTINCT FROM $2"
            " AND standing = 'live' AND unit_rank IS NOT NULL",
            campaign,
            quota_union,
        )
    )


async def award_of(application: UUID) -> asyncpg.Record | None:
    """The award of a case, if one was granted."""
    return await fetch_one("SELECT * FROM award WHERE application = $1", application)


async def honour_roll(after: UUID | None, limit: int) -> Sequence[asyncpg.Record]:
    """Awards that stand and may be published, newest first: of persons and team leaders who consent, and of units."""
    return await fetch(
        """SELECT w.id, w.title, w.holder, w.document, w.granted_on, coalesce(u.name, '') AS unit, n.deed
        FROM award w JOIN nomination n ON n.application = w.application JOIN application a ON a.id = w.application
        LEFT JOIN trade_union u ON u.id = a.unit_id
        WHERE w.revoked_on IS NULL AND w.id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
            AND (n.consent_person IS NULL OR EXISTS (SELECT FROM consent k
                WHERE k.person = n.consent_person AND k.purpose = 'publication' AND k.withdrawn_at IS NULL))
        ORDER BY w.id DESC LIMIT $2""",
        after,
        limit,
    )


async def colleagues(person: UUID | None, words: str, limit: int) -> Sequence[asyncpg.Record]:
    """The verified workers of the unit that `person` works in, whose name holds `words`; oneself left out."""
    pattern = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return await fetch(
        """SELECT p.id, p.name, r.department FROM staff_record r JOIN person p ON p.id = r.person
        JOIN staff_record mine ON mine.person = $1 AND mine.unit = r.unit AND mine.verified_at IS NOT NULL
        WHERE r.verified_at IS NOT NULL AND p.id <> $1 AND p.name LIKE '%' || $2 || '%'
        ORDER BY p.name, p.id LIMIT $3""",
        person,
        pattern,
        limit,
    )


async def teams_of(unions: Sequence[UUID]) -> Sequence[asyncpg.Record]:
    """The teams of these units with the number of their members."""
    return await fetch(
        """SELECT t.id, t.name, t.trade_union, count(m.id) AS members, max(p.name) FILTER (WHERE m.leader) AS leader
        FROM team t JOIN team_member m ON m.team = t.id JOIN person p ON p.id = m.person
        WHERE t.trade_union = ANY($1) GROUP BY t.id ORDER BY t.name LIMIT 500""",
        list(unions),
    )


async def approval_events(application: UUID) -> Sequence[asyncpg.Record]:
    """The acts that fill the opinion boxes of the approval form: the last one that led on from each stage."""
    return await fetch(
        """SELECT DISTINCT ON (from_stage) from_stage, action, actor_name, comment, at FROM application_event
        WHERE application = $1 AND action IN ('recommend', 'clear', 'decide', 'place', 'conclude', 'grant')
        ORDER BY from_stage, seq DESC""",
        application,
    )


async def union_name(union: UUID | None) -> str:
    """The name of a union; empty for none."""
    return await fetch_value("SELECT name FROM trade_union WHERE id = $1", union) or ""


async def published_versions(organiser: UUID) -> Sequence[asyncpg.Record]:
    """The published programme versions of this kind that a union may draft campaigns of, newest first."""
    return await fetch(
        "SELECT v.id, p.name_zh, p.name_en, v.number FROM programme_version v JOIN programme p ON p.id = v.programme"
        " WHERE p.kind = 'commendation' AND p.organiser = $1 AND v.state = 'published' ORDER BY v.published_at DESC",
        organiser,
    )
