"""The verbs of a campaign: draft, divide, open, move its window, close; the campaign locks itself, then its cases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from backend.applications.case import load_case
from backend.applications.lifecycle import Action
from backend.applications.service import Applications
from backend.audit.log import record
from backend.commendation import queries
from backend.commendation.tables import Campaign
from backend.commendation.terms import CampaignTerms, terms_of
from backend.database import execute, fetch, fetch_one, fetch_value, new_id, transaction
from backend.errors import Conflict, Forbidden, NotFound, RuleViolation, Stale, Violation
from backend.identity import Actor, Role, system_actor
from backend.words import Text

REASON_LIMIT = 200


class CampaignInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A campaign as it is drafted; instants in UTC."""

    programme_version: UUID
    name: str
    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Campaigns:
    """What an organiser does with its campaigns."""

    applications: Applications

    async def draft(self, actor: Actor, campaign: CampaignInput, organiser: UUID) -> UUID:
        """Draft a campaign of a published programme for a union where the actor verifies or chairs."""
        require_role(actor, organiser, Role.HR_VERIFIER, Role.CHAIR)
        found = []
        if not 1 <= len(campaign.name.strip()) <= 80:
            found.append(Violation("name_length", Text("评选名称为 1 至 80 字。", "1 to 80 characters."), "name"))
        if campaign.closes_at <= campaign.opens_at:
            found.append(
                Violation("window", Text("截止时间须晚于开始时间。", "It closes before it opens."), "closes_at")
            )
        if found:
            raise RuleViolation(found)
        async with transaction():
            version = await fetch_one(
                "SELECT v.state, p.kind, p.organiser FROM programme_version v JOIN programme p ON p.id = v.programme"
                " WHERE v.id = $1",
                campaign.programme_version,
            )
            if version is None or (version["state"], version["kind"]) != ("published", "commendation"):
                raise RuleViolation.of(
                    "programme_not_published",
                    Text("所选项目尚未发布。", "That programme is not published."),
                    "programme_version",
                )
            if version["organiser"] != organiser:
                raise RuleViolation.of(
                    "programme_organiser",
                    Text("该项目不由所选工会主办。", "That union does not organise the programme."),
                    "organiser",
                )
            row = Campaign(
                id=new_id(),
                programme_version=campaign.programme_version,
                organiser=organiser,
                name=campaign.name.strip(),
                opens_at=campaign.opens_at,
                closes_at=campaign.closes_at,
                state="drafted",
                created_by=actor.account_id,
            )
            await Campaign.insert(row)
        return UUID(str(row.id))

    async def set_quota(
        self, actor: Actor, campaign: UUID, union: UUID, mains: int, reserves: int, reason: str, expected_version: int
    ) -> None:
        """Give a union so many main and reserve places; a recorded act, before the slate is confirmed alone.

        Raises RuleViolation where more would be given than the published terms have.
        """
        async with transaction():
            row = await locked(actor, campaign, expected_version, Role.CHAIR, Role.HR_VERIFIER)
            require_state(row, "drafted", "open")
            if mains < 0 or reserves < 0:
                raise RuleViolation.of("quota_negative", Text("名额不能为负数。", "A quota is not negative."), "mains")
            below = await fetch_value(
                "SELECT $2 IN (national_id, province_id, city_id, county_id, unit_id) FROM trade_union WHERE id = $1",
                union,
                row["organiser"],
            )
            if not below:
                raise RuleViolation.of(
                    "quota_union", Text("只能分给本级以下工会。", "Places go to unions below the organiser."), "union"
                )
            await execute(
                "INSERT INTO campaign_quota (id, campaign, trade_union, mains, reserves) VALUES ($1, $2, $3, $4, $5)"
                " ON CONFLICT (campaign, trade_union) DO UPDATE SET mains = $4, reserves = $5",
                new_id(),
                campaign,
                union,
                mains,
                reserves,
            )
            await self._require_within(campaign, await _terms(campaign))
            await _rehome(campaign)
            await bump(campaign, row["state"])
            await record(
                actor,
                "campaign.quota",
                "done",
                object_kind="campaign",
                object_id=campaign,
                reason=reason[:REASON_LIMIT],
            )

    async def open_(self, actor: Actor, campaign: UUID, expected_version: int) -> None:
        """Open a drafted campaign for nominations: a chair of the organiser, and not the one who drafted it."""
        async with transaction():
            row = await locked(actor, campaign, expected_version, Role.CHAIR)
            require_state(row, "drafted")
            if row["created_by"] == actor.account_id:
                raise Forbidden("second_person", Text("须由另一人开放。", "Somebody else than the drafter opens it."))
            await execute("UPDATE campaign SET opened_by = $2 WHERE id = $1", campaign, actor.account_id)
            await bump(campaign, "open")
            await record(actor, "campaign.open", "done", object_kind="campaign", object_id=campaign)

    async def extend(
        self, actor: Actor, campaign: UUID, closes_at: datetime, reason: str, expected_version: int
    ) -> None:
        """Move the end of the window; a recorded act with its reason, while the campaign is open."""
        async with transaction():
            row = await locked(actor, campaign, expected_version, Role.CHAIR)
            require_state(row, "open")
            found = []
            if closes_at <= row["opens_at"]:
                found.append(
                    Violation("window", Text("截止时间须晚于开始时间。", "It closes before it opens."), "closes_at")
                )
            if len(reason.strip()) < 4:
                found.append(
                    Violation("reason_required", Text("请写明理由(至少 4 字)。", "Give the reason."), "reason")
                )
            if found:
                raise RuleViolation(found)
            await execute("UPDATE campaign SET closes_at = $2 WHERE id = $1", campaign, closes_at)
            await bump(campaign, "open")
            await record(
                actor,
                "campaign.extend",
                "done",
                object_kind="campaign",
                object_id=campaign,
                reason=reason[:REASON_LIMIT],
            )

    async def close(self, actor: Actor, campaign: UUID, expected_version: int) -> int:
        """Close a campaign whose mains are all decided: reserves that nobody needed lapse; how many did."""
        async with transaction():
            row = await locked(actor, campaign, expected_version, Role.CHAIR)
            require_state(row, "slated")
            waiting = await fetch_value(
                "SELECT count(*) FROM application WHERE aggregate = $1 AND stage <> '' AND placement = 'main'"
                " AND state <> 'granted'",
                campaign,
            )
            if waiting:
                raise RuleViolation.of(
                    "mains_undecided",
                    Text("还有 {n} 名正选未授予。", "{n} mains are not decided yet.").fill(n=waiting),
                )
            now = await self.applications.clock.now()
            reserves = await fetch(
                "SELECT id FROM application WHERE aggregate = $1 AND state = 'reserve' ORDER BY id", campaign
            )
            for reserve in reserves:
                case = await load_case(reserve["id"], lock=True)
                await self.applications.step(
                    system_actor("评选结束"), case, Action.LAPSE, now, comment="正选均已授予,未启用递补"
                )
            await bump(campaign, "closed")
            await record(actor, "campaign.close", "done", object_kind="campaign", object_id=campaign)
        return len(reserves)

    @staticmethod
    async def _require_within(campaign: UUID, terms: CampaignTerms) -> None:
        given = await fetch_one(
            "SELECT sum(mains) AS mains, sum(reserves) AS reserves FROM campaign_quota WHERE campaign = $1", campaign
        )
        assert given is not None
        if given["mains"] > terms.quota_mains or given["reserves"] > terms.quota_reserves:
            raise RuleViolation.of(
                "quota_beyond_terms",
                Text(
                    "分配合计正选 {mains}、递补 {reserves},超过公布的名额(正选 {all_mains}、递补 {all_reserves})。",
                    "{mains} main and {reserves} reserve places exceed those published ({all_mains}, {all_reserves}).",
                ).fill(
                    mains=given["mains"],
                    reserves=given["reserves"],
                    all_mains=terms.quota_mains,
                    all_reserves=terms.quota_reserves,
                ),
                "mains",
            )


async def locked(actor: Actor, campaign: UUID, expected_version: int, *roles: Role) -> asyncpg.Record:
    """The locked campaign, if the actor holds one of the roles at its organiser; raises NotFound, Forbidden, Stale."""
    row = await fetch_one("SELECT * FROM campaign WHERE id = $1 FOR UPDATE", campaign)
    if row is None:
        raise NotFound(Text("没有找到这次评选。", "No such campaign."))
    require_role(actor, row["organiser"], *roles)
    if row["version"] != expected_version:
        raise Stale()
    return row


def require_role(actor: Actor, union: UUID, *roles: Role) -> None:
    """Raise Forbidden unless the actor holds one of the roles at the very union."""
    if union not in {binding.union_id for binding in actor.unions_as(*roles)}:
        raise Forbidden("not_your_part", Text("这一步不由您办理。", "This step is not yours to take."))


def require_state(row: asyncpg.Record, *states: str) -> None:
    """Raise Conflict unless the campaign is in one of these states."""
    if row["state"] not in states:
        raise Conflict(
            "campaign_state", Text("评选当前状态不能这样做。", "This is not possible in the state of the campaign.")
        )


async def bump(campaign: UUID, state: str) -> None:
    """Note a change of a locked campaign."""
    await execute("UPDATE campaign SET state = $2, version = version + 1 WHERE id = $1", campaign, state)


async def _terms(campaign: UUID) -> CampaignTerms:
    return terms_of(queries.content_of(await queries.campaign_row(campaign)))


async def _rehome(campaign: UUID) -> None:
    """Put every nomination under the nearest union that has a quota now."""
    await execute(
        """UPDATE nomination n SET quota_union = (SELECT q.trade_union FROM campaign_quota q
            WHERE q.campaign = n.campaign
                AND q.trade_union IN (a.unit_id, a.county_id, a.city_id, a.province_id, a.national_id)
            ORDER BY array_position(ARRAY[a.unit_id, a.county_id, a.city_id, a.province_id, a.national_id],
                q.trade_union) LIMIT 1)
        FROM application a WHERE a.id = n.application AND n.campaign = $1""",
        campaign,
    )
