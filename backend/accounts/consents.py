"""Consents: one purpose in one wording, given and withdrawn by a person, or for a relative as the law allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backend.audit.log import record
from backend.clock import Clock
from backend.database import execute, fetch, fetch_value, new_id, transaction
from backend.errors import NotFound, RuleViolation
from backend.identity import Actor
from backend.words import Text

VERSION = "2026-03"


@dataclass(frozen=True, slots=True)
class ConsentText:
    """What is agreed to, in the wording of `VERSION`, and why it is needed.

    `for_relatives` says that it may be given for a relative: by the guardian of a child under 14 (个人信息保护法
    第三十一条), by anybody else on a paper that they signed.
    """

    purpose: str
    title: Text
    words: Text
    clause: str
    for_relatives: bool = False


CONSENT_TEXTS = (
    ConsentText(
        "personal_data",
        Text("使用个人信息", "Use of personal data"),
        Text(
            "工会为办理关爱待遇使用您的姓名、单位、手机和证件号码。",
            "The union uses your name, unit, phone and ID number to handle benefits.",
        ),
        "个人信息保护法 第十三、十四条",
        for_relatives=True,
    ),
    ConsentText(
        "sensitive_data",
        Text("使用敏感个人信息", "Use of sensitive data"),
        Text(
            "办理疗休养等待遇需要您的健康申报和证件影像;仅经办人因办理需要查看,每次查看都有记录。",
            "Benefits need your health declaration and images of papers; each look by staff is recorded.",
        ),
        "个人信息保护法 第二十八、二十九、三十条",
        for_relatives=True,
    ),
    ConsentText(
        "share_with_sanatorium",
        Text("提供给疗养院", "Sharing with the sanatorium"),
        Text(
            "确认参加后,把您的姓名、手机、健康申报和紧急联系人提供给接待的疗养院。",
            "When you confirm, the sanatorium gets your name, phone, health declaration and emergency contact.",
        ),
        "个人信息保护法 第二十三条",
    ),
    ConsentText(
        "publication",
        Text("公开宣传", "Publication"),
        Text("同意在宣传中使用您的姓名和事迹。", "Your name and deeds may appear in publications."),
        "个人信息保护法 第二十五条",
    ),
    ConsentText(
        "share_with_insurer",
        Text("提供给互助保障承办机构", "Sharing with the insurer"),
        Text(
            "参加互助保障后,把被保障人的姓名、证件号码、出生日期、健康告知和保障起止日期提供给承办机构,用于办理参保和给付。",
            "When covered, the insurer gets the name, ID number, birth date, health declaration and dates of cover of"
            " the insured person, to enrol them and to pay benefits.",
        ),
        "个人信息保护法 第二十三条",
        for_relatives=True,
    ),
    ConsentText(
        "nominee_publication",
        Text("被推荐人公示与宣传", "Public notice and publication of a nominee"),
        Text(
            "同意在评选各环节公示您的姓名、单位和主要事迹,并在授予后用于光荣榜和宣传;不公示证件号码、电话、病情和住址。",
            "Your name, unit and main deeds are shown in the public notices and, once awarded, on the honour roll and"
            " in publications; never ID number, phone, illness or address.",
        ),
        "个人信息保护法 第二十五条",
    ),
)

PURPOSES = frozenset(text.purpose for text in CONSENT_TEXTS)
FOR_RELATIVES = frozenset(text.purpose for text in CONSENT_TEXTS if text.for_relatives)


@dataclass(frozen=True, slots=True)
class ConsentGiven:
    """A consent that stands."""

    purpose: str
    text_version: str
    given_at: datetime


@dataclass(frozen=True, slots=True)
class Consents:
    """Giving and withdrawing, each on record."""

    clock: Clock

    async def give(self, actor: Actor, purpose: str, text_version: str) -> None:
        """Agree to a purpose in the wording that was shown; twice is once."""
        person = self._person(actor)
        await self._write(actor, person, person, None, purpose, text_version, PURPOSES)

    async def give_for(
        self, actor: Actor, relative: UUID, purpose: str, text_version: str, signed_paper: UUID | None
    ) -> None:
        """Agree for a relative; twice is once.

        Without a paper the consent is the actor's own, as guardian; with one it is the relative's, who signed it. Who
        may do which is the caller's to check. Raises RuleViolation for a purpose that is not given for others.
        """
        guardian = self._person(actor)
        giver = guardian if signed_paper is None else relative
        await self._write(actor, relative, giver, signed_paper, purpose, text_version, FOR_RELATIVES)

    async def withdraw(self, actor: Actor, purpose: str) -> None:
        """Take a consent of one's own back from now on, also one that somebody else wrote down; twice is once."""
        person = self._person(actor)
        await self._end(actor, person, purpose, "given_by", person)

    async def withdraw_for(self, actor: Actor, relative: UUID, purpose: str) -> None:
        """Take back from now on what the actor gave for a relative or wrote down on the relative's paper."""
        await self._end(actor, relative, purpose, "coalesce(recorded_by, given_by)", self._person(actor))

    async def given(self, actor: Actor) -> list[ConsentGiven]:
        """What the actor has agreed to."""
        return [
            ConsentGiven(row["purpose"], row["text_version"], row["given_at"])
            for row in await fetch(
                "SELECT DISTINCT ON (purpose) purpose, text_version, given_at FROM consent"
                " WHERE person = $1 AND given_by = $1 AND withdrawn_at IS NULL ORDER BY purpose, given_at",
                actor.person_id,
            )
        ]

    async def _write(
        self,
        actor: Actor,
        person: UUID,
        giver: UUID,
        paper: UUID | None,
        purpose: str,
        text_version: str,
        purposes: frozenset[str],
    ) -> None:
        if purpose not in purposes or text_version != VERSION:
            raise RuleViolation.of(
                "consent_text",
                Text("同意书已更新,请重新阅读。", "The wording has changed; please read it again."),
                "purpose",
            )
        async with transaction():
            added = await execute(
                "INSERT INTO consent (id, person, purpose, text_version, given_by, recorded_by, paper, given_at)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
                " ON CONFLICT (person, purpose, given_by, recorded_by) WHERE withdrawn_at IS NULL DO NOTHING",
                new_id(),
                person,
                purpose,
                text_version,
                giver,
                actor.person_id if actor.person_id != giver else None,
                paper,
                await self.clock.now(),
            )
            if added:
                await record(actor, "consent.give", "done", object_kind="person", object_id=person, reason=purpose)

    async def _end(self, actor: Actor, person: UUID, purpose: str, column: str, giver: UUID) -> None:
        theirs = f"person = $1 AND purpose = $2 AND {column} = $3"
        async with transaction():
            ended = await execute(
                f"UPDATE consent SET withdrawn_at = $4 WHERE {theirs} AND withdrawn_at IS NULL",
                person,
                purpose,
                giver,
                await self.clock.now(),
            )
            if ended:
                await record(actor, "consent.withdraw", "done", object_kind="person", object_id=person, reason=purpose)
            elif not await fetch_value(f"SELECT EXISTS (SELECT FROM consent WHERE {theirs})", person, purpose, giver):
                raise NotFound()

    @staticmethod
    def _person(actor: Actor) -> UUID:
        if actor.person_id is None:
            raise NotFound(Text("请先登记本人档案。", "Register your own record first."), "no_record")
        return actor.person_id
