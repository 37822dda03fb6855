"""Consents: one purpose in one wording, given and withdrawn by a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from backend.audit.log import record
from backend.clock import Clock
from backend.database import execute, fetch, new_id, transaction
from backend.errors import NotFound, RuleViolation
from backend.identity import Actor
from backend.words import Text

VERSION = "2026-03"


@dataclass(frozen=True, slots=True)
class ConsentText:
    """What is agreed to, in the wording of `VERSION`, and why it is needed."""

    purpose: str
    title: Text
    words: Text
    clause: str


CONSENT_TEXTS = (
    ConsentText(
        "personal_data",
        Text("使用个人信息", "Use of personal data"),
        Text(
            "工会为办理关爱待遇使用您的姓名、单位、手机和证件号码。",
            "The union uses your name, unit, phone and ID number to handle benefits.",
        ),
        "个人信息保护法 第十三、十四条",
    ),
    ConsentText(
        "sensitive_data",
        Text("使用敏感个人信息", "Use of sensitive data"),
        Text(
            "办理疗休养等待遇需要您的健康申报和证件影像;仅经办人因办理需要查看,每次查看都有记录。",
            "Benefits need your health declaration and images of papers; each look by staff is recorded.",
        ),
        "个人信息保护法 第二十八、二十九、三十条",
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
)


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
        if purpose not in {text.purpose for text in CONSENT_TEXTS} or text_version != VERSION:
            raise RuleViolation.of(
                "consent_text",
                Text("同意书已更新,请重新阅读。", "The wording has changed; please read it again."),
                "purpose",
            )
        async with transaction():
            await execute(
                "INSERT INTO consent (id, person, purpose, text_version, given_by, given_at)"
                " VALUES ($1, $2, $3, $4, $2, $5) ON CONFLICT (person, purpose) WHERE withdrawn_at IS NULL DO NOTHING",
                new_id(),
                person,
                purpose,
                text_version,
                await self.clock.now(),
            )
            await record(actor, "consent.give", "done", object_kind="person", object_id=person, reason=purpose)

    async def withdraw(self, actor: Actor, purpose: str) -> None:
        """Take a consent back from now on."""
        person = self._person(actor)
        async with transaction():
            touched = await execute(
                "UPDATE consent SET withdrawn_at = $3 WHERE person = $1 AND purpose = $2 AND withdrawn_at IS NULL",
                person,
                purpose,
                await self.clock.now(),
            )
            if not touched:
                raise NotFound()
            await record(actor, "consent.withdraw", "done", object_kind="person", object_id=person, reason=purpose)

    async def given(self, actor: Actor) -> list[ConsentGiven]:
        """What the actor has agreed to."""
        return [
            ConsentGiven(row["purpose"], row["text_version"], row["given_at"])
            for row in await fetch(
                "SELECT purpose, text_version, given_at FROM consent WHERE person = $1 AND withdrawn_at IS NULL"
                " ORDER BY purpose",
                actor.person_id,
            )
        ]

    @staticmethod
    def _person(actor: Actor) -> UUID:
        if actor.person_id is None:
            raise NotFound(Text("请先登记本人档案。", "Register your own record first."), "no_record")
        return actor.person_id
