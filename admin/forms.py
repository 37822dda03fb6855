"""Acts of the data console that are more than one row: they call a service, which checks the role again."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec
from piccolo_admin.endpoints import FormConfig
from pydantic import BaseModel, Field
from starlette.requests import Request

from admin.tables import ACCOUNT_READERS, PROGRAMME_EDITORS, REFERENCE_EDITORS
from backend.applications.programme import ProgrammeContent
from backend.calendars.service import fill_year
from backend.composition import Services
from backend.database import fetch_value
from backend.errors import DomainError, NotFound, RuleViolation
from backend.identity import Actor, Level, Role
from backend.unions import service as unions
from backend.unions.kinds import Line, UnionKind
from backend.unions.policy import UnionInput
from backend.words import UNPRINTABLE, Language, Text

LONGEST_HOLIDAY = 31

_UNPRINTABLE = Text("含有不允许的字符。", "It holds characters that are not allowed.")


@dataclass(frozen=True, slots=True)
class Permitted:
    """Who finds a form, and what it is called."""

    label: Text
    description: Text
    roles: frozenset[Role]


class NewUnion(BaseModel):
    """A union below another."""

    name: str = Field(title="名称 Name", min_length=2, max_length=120)
    level: Level = Field(title="层级 Level (province, city, county, unit)")
    kind: UnionKind = Field(title="类别 Kind (hospital, cdc, …)")
    uscc: str = Field(default="", title="统一社会信用代码 Credit code", max_length=18)
    area_code: str = Field(default="", title="行政区划代码 Area code", max_length=6)
    parent: str = Field(title="上级工会名称 Name of the parent", max_length=120)


class NewAffiliation(BaseModel):
    """A union moved under another."""

    union: str = Field(title="工会名称 Name of the union", max_length=120)
    parent: str = Field(title="上级工会名称 Name of the parent", max_length=120)
    line: Line = Field(default=Line.PRIMARY, title="隶属线 Line (primary, industry)")
    from_on: date = Field(title="自 From")


class NewYear(BaseModel):
    """The working days of a year."""

    year: int = Field(title="年份 Year", ge=2020, le=2100)
    holidays: str = Field(title="放假日 Days off: YYYY-MM-DD…YYYY-MM-DD 名称; …")
    make_up_days: str = Field(default="", title="调休上班日 Make-up days: YYYY-MM-DD; …")


class NewDraft(BaseModel):
    """The next version of a programme, with the content of its newest."""

    code: str = Field(title="项目代码 Programme code", max_length=40)


class NewRole(BaseModel):
    """A role for an account at a union."""

    username: str = Field(title="用户名 User name", max_length=100)
    role: Role = Field(title="角色 Role")
    union: str = Field(title="工会名称 Name of the union", max_length=120)


class HeldRole(BaseModel):
    """A role that somebody holds, by its row in the list of roles."""

    binding: UUID = Field(title="角色编号 Id in the list of roles")


async def _new_union(services: Services, actor: Actor, data: NewUnion) -> Text:
    entered = UnionInput(data.name, data.level, data.kind, data.uscc or None, data.area_code or None)
    await unions.create(actor, entered, await _union(data.parent), await services.clock.today())
    return Text("已新增。", "Added.")


async def _new_affiliation(services: Services, actor: Actor, data: NewAffiliation) -> Text:
    union, parent = await _union(data.union), await _union(data.parent)
    await unions.affiliate(actor, union, parent, data.line, data.from_on, await services.clock.today())
    return Text("已变更隶属。", "The affiliation is changed.")


async def _new_year(services: Services, actor: Actor, data: NewYear) -> Text:
    try:
        off, worked = _days_off(data.holidays), {date.fromisoformat(day) for day in _listed(data.make_up_days)}
    except ValueError:
        raise RuleViolation.of(
            "date", Text("日期格式为 YYYY-MM-DD。", "Dates are written YYYY-MM-DD."), "holidays"
        ) from None
    await fill_year(actor, data.year, off, worked)
    return Text("工作日历已录入。", "The calendar of the year is filled in.")


def _days_off(words: str) -> dict[date, str]:
    off = {}
    for period in _listed(words):
        days, _, name = period.partition(" ")
        first, _, last = days.partition("…")
        day, end = date.fromisoformat(first), date.fromisoformat(last or first)
        if (end - day).days > LONGEST_HOLIDAY:
            raise ValueError("longer than any holiday")
        while day <= end:
            off[day] = name.strip()
            day += timedelta(days=1)
    return off


def _listed(words: str) -> list[str]:
    return [part.strip() for part in re.split("[;;\n]", words) if part.strip()]


async def _new_draft(services: Services, actor: Actor, data: NewDraft) -> Text:
    programme = await fetch_value("SELECT id FROM programme WHERE code = $1", data.code.strip())
    content = await fetch_value(
        "SELECT content FROM programme_version WHERE programme = $1 ORDER BY number DESC LIMIT 1", programme
    )
    if programme is None or content is None:
        raise NotFound(Text("没有这个项目,或还没有可沿用的版本。", "No such programme, or no version to go on from."))
    newest = msgspec.json.decode(content, type=ProgrammeContent)
    await services.programmes.draft(actor, programme, msgspec.structs.replace(newest, policies=()))
    return Text("已建立草稿,可在“方案版本”中修改。", "A draft is made; edit it under Programme versions.")


async def _grant(services: Services, actor: Actor, data: NewRole) -> Text:
    account = await fetch_value(
        "SELECT c.id FROM console_account c JOIN console_user u ON u.id = c.login WHERE u.username = $1",
        data.username.strip(),
    )
    if account is None:
        raise NotFound(Text("没有这个用户名。", "There is no such user name."))
    await services.roles.grant(actor, account, data.role, await _union(data.union))
    return Text("已授予;评审角色须另一人复核后生效。", "Granted; a deciding role counts once somebody else approves.")


async def _approve(services: Services, actor: Actor, data: HeldRole) -> Text:
    await services.roles.approve(actor, data.binding)
    return Text("已复核,角色生效。", "Approved: the role counts.")


async def _revoke(services: Services, actor: Actor, data: HeldRole) -> Text:
    await services.roles.revoke(actor, data.binding)
    return Text("已收回。", "The role is ended.")


async def _union(name: str) -> UUID:
    found: UUID | None = await fetch_value(
        "SELECT CASE WHEN count(*) = 1 THEN (array_agg(id))[1] END FROM trade_union WHERE name = $1", name.strip()
    )
    if found is None:
        raise NotFound(Text("没有这个名称的工会(请写全称)。", "No union has this name (write it in full)."))
    return found


def _form(
    slug: str,
    model: type[BaseModel],
    work: Callable[[Services, Actor, Any], Awaitable[Text]],
) -> FormConfig:
    async def endpoint(request: Request, data: Any) -> str:
        actor: Actor = request.scope["user"].actor
        language: Language = actor.language
        if any(isinstance(value, str) and UNPRINTABLE.search(value) for value in data.model_dump().values()):
            raise ValueError(_UNPRINTABLE.in_(language))
        try:
            done = await work(request.app.state.services, actor, data)
        except DomainError as error:
            words = [violation.message.in_(language) for violation in error.violations]
            raise ValueError(" ".join(words) or error.message.in_(language)) from error
        return done.in_(language)

    given: Callable[[Request, Any], Coroutine[Any, Any, str]] = endpoint
    return FormConfig(name=slug, pydantic_model=model, endpoint=given)


FORMS = [
    _form("new-union", NewUnion, _new_union),
    _form("new-affiliation", NewAffiliation, _new_affiliation),
    _form("calendar-year", NewYear, _new_year),
    _form("new-draft", NewDraft, _new_draft),
    _form("grant-role", NewRole, _grant),
    _form("approve-role", HeldRole, _approve),
    _form("revoke-role", HeldRole, _revoke),
]

PERMITTED = {
    "new-union": Permitted(
        Text("新增工会组织", "Add a union"), Text("在上级工会之下新增。", "Below its parent."), REFERENCE_EDITORS
    ),
    "new-affiliation": Permitted(
        Text("变更隶属关系", "Change an affiliation"),
        Text("原隶属关系在前一天终止。", "The one before ends the day before."),
        REFERENCE_EDITORS,
    ),
    "calendar-year": Permitted(
        Text("录入年度工作日历", "Fill in a calendar year"),
        Text(
            "按国务院办公厅放假通知录入;周末默认休息,其余默认上班。",
            "From the official notice; weekends are off and other days are worked unless listed.",
        ),
        REFERENCE_EDITORS,
    ),
    "new-draft": Permitted(
        Text("新建方案草稿", "Draft a programme version"),
        Text("沿用最新版本的内容,另一人发布后生效。", "Goes on from the newest version; somebody else publishes."),
        PROGRAMME_EDITORS,
    ),
    "grant-role": Permitted(
        Text("授予角色", "Grant a role"), Text("不能为本人授予。", "Never to oneself."), ACCOUNT_READERS
    ),
    "approve-role": Permitted(
        Text("复核角色", "Approve a role"),
        Text("评审角色须由另一人复核。", "A deciding role needs a second person."),
        ACCOUNT_READERS | REFERENCE_EDITORS,
    ),
    "revoke-role": Permitted(Text("收回角色", "End a role"), Text("立即失效。", "At once."), ACCOUNT_READERS),
}
