"""Who acts: the Actor is all that services know of a caller."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from backend.words import Language, Text


class Level(StrEnum):
    """The semantic levels of the union tree, from the top down; an industry union stands at the level it serves."""

    NATIONAL = "national"
    PROVINCE = "province"
    CITY = "city"
    COUNTY = "county"
    UNIT = "unit"

    @property
    def column(self) -> str:
        """The name of the scope column that holds the union of this level."""
        return f"{self.value}_id"


class Role(StrEnum):
    """What somebody may do at the console, bound to one union each; `worker` is everybody on a phone."""

    WORKER = "worker"
    UNIT_OFFICER = "unit_officer"
    HR_VERIFIER = "hr_verifier"
    REVIEWER = "reviewer"
    CHAIR = "chair"
    FINANCE = "finance"
    AUDITOR = "auditor"
    SYSTEM_ADMIN = "system_admin"
    SECURITY_ADMIN = "security_admin"
    SYSTEM = "system"


ROLE_LABELS = {
    Role.WORKER: Text("职工", "Worker"),
    Role.UNIT_OFFICER: Text("基层工会经办人", "Unit officer"),
    Role.HR_VERIFIER: Text("材料核验员", "HR verifier"),
    Role.REVIEWER: Text("评审委员", "Reviewer"),
    Role.CHAIR: Text("评审主任", "Chair"),
    Role.FINANCE: Text("财务", "Finance"),
    Role.AUDITOR: Text("经审监督", "Auditor"),
    Role.SYSTEM_ADMIN: Text("系统管理员", "System administrator"),
    Role.SECURITY_ADMIN: Text("安全管理员", "Security administrator"),
    Role.SYSTEM: Text("系统", "System"),
}


@dataclass(frozen=True, slots=True)
class Binding:
    """One role at one union: it reaches the whole subtree below that union."""

    role: Role
    union_id: UUID
    level: Level


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller of a service.

    `account_id` names the login (worker or console), `person_id` the human being behind it where known, `employer_id`
    the unit where that person works, which is apart from the unions that the roles are bound to. `origin` is `phone`
    (then the only role is worker), `console` or `system`.
    """

    account_id: UUID
    name: str
    person_id: UUID | None = None
    employer_id: UUID | None = None
    bindings: tuple[Binding, ...] = ()
    language: Language = Language.ZH
    origin: str = "console"
    roles: frozenset[Role] = field(init=False)

    def __post_init__(self) -> None:
        held = frozenset(binding.role for binding in self.bindings)
        object.__setattr__(self, "roles", frozenset({Role.WORKER}) if self.origin == "phone" else held)

    def unions_as(self, *roles: Role) -> list[Binding]:
        """The bindings under any of these roles."""
        return [binding for binding in self.bindings if binding.role in roles]

    @property
    def is_system(self) -> bool:
        """Whether no person acts: a deadline, a promoted reserve, a notice that ends."""
        return Role.SYSTEM in self.roles


def system_actor(name: str) -> Actor:
    """The named System actor, for what happens by rule and not by a person's hand."""
    nobody = UUID(int=0)
    return Actor(nobody, name, bindings=(Binding(Role.SYSTEM, nobody, Level.NATIONAL),), origin="system")
