"""The one menu of the console: what each role finds there."""

from __future__ import annotations

from dataclasses import dataclass

from backend.identity import Actor, Role
from backend.words import Text

_CASES = frozenset({Role.UNIT_OFFICER, Role.HR_VERIFIER, Role.REVIEWER, Role.CHAIR, Role.AUDITOR})
_RECORDS = frozenset({Role.UNIT_OFFICER, Role.HR_VERIFIER, Role.AUDITOR})
_COVERS = frozenset({Role.UNIT_OFFICER, Role.HR_VERIFIER, Role.CHAIR, Role.AUDITOR})
_PROGRAMMES = frozenset({Role.HR_VERIFIER, Role.CHAIR, Role.FINANCE, Role.AUDITOR})


@dataclass(frozen=True, slots=True)
class Entry:
    """One place in the menu; everybody with one of `roles` finds it."""

    path: str
    label: Text
    roles: frozenset[Role]


MENU = (
    Entry("/review/", Text("评审", "Cases"), _CASES),
    Entry("/review/records", Text("人员档案", "Staff records"), _RECORDS),
    Entry("/review/records/roster", Text("名册导入", "Rosters"), frozenset({Role.UNIT_OFFICER})),
    Entry("/review/batches", Text("批次名额", "Batches"), _PROGRAMMES | {Role.REVIEWER}),
    Entry("/review/mutual-aid", Text("互助保障", "Mutual aid"), _COVERS),
    Entry("/review/campaigns", Text("评优", "Awards"), _CASES),
    Entry("/review/notices", Text("公示", "Notices"), _CASES),
    Entry("/review/programmes", Text("项目", "Programmes"), _PROGRAMMES | {Role.SYSTEM_ADMIN}),
    Entry("/review/roles", Text("账号角色", "Roles"), frozenset({Role.SECURITY_ADMIN, Role.SYSTEM_ADMIN})),
    Entry("/admin/", Text("基础数据", "Reference data"), frozenset(Role) - {Role.WORKER, Role.SYSTEM}),
)


def menu_for(actor: Actor) -> list[Entry]:
    """What the actor finds in the menu."""
    return [entry for entry in MENU if entry.roles & actor.roles]


def home_of(actor: Actor) -> str:
    """Where the actor starts: the first place of the menu."""
    return next((entry.path for entry in menu_for(actor)), "/password")


def current(path: str, entries: list[Entry]) -> str:
    """The entry that a page stands under: the longest whose path begins the page's own."""
    return max((entry.path for entry in entries if f"{path}/".startswith(entry.path)), key=len, default="")
