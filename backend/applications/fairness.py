"""Who may not act on a case, and which union acts in a stage: the rules of conflict (回避)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from backend.applications.case import Case
from backend.applications.lifecycle import INVOLVING, KINDS, StageKind
from backend.applications.programme import Stage
from backend.database import fetch, fetch_one
from backend.errors import Violation
from backend.identity import Actor, Level, Role
from backend.words import Text

CLAUSE = "回避规则:不评审本人、亲属、本单位及经办过的事项"


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands to a case."""

    is_subject: bool = False
    is_relative: bool = False
    same_unit: bool = False
    involved: bool = False
    recused: bool = False


def conflict(standing: Standing, *, judging: bool) -> Violation | None:
    """Why somebody who stands so may not act; None when nothing forbids it.

    Nobody acts on oneself or a relative; a judging stage also bars the own unit, an earlier part in the case, and
    whoever stepped back.
    """
    if standing.is_subject:
        return _barred("conflict_own_case", "不能办理本人的事项。", "Nobody acts on their own case.")
    if standing.is_relative:
        return _barred("conflict_relative", "不能办理亲属的事项。", "Nobody acts on a relative's case.")
    if judging and standing.recused:
        return _barred("conflict_recused", "您已回避此事项。", "You stepped back from this case.")
    if judging and standing.same_unit:
        return _barred("conflict_own_unit", "不能评审本单位职工的事项。", "Nobody judges a case of their own unit.")
    if judging and standing.involved:
        return _barred("conflict_involved", "您办理过此事项的前序环节,须回避。", "You acted on this case before.")
    return None


async def concerned(application: UUID) -> set[UUID]:
    """The persons whom a case is about."""
    return {
        row["person"]
        for row in await fetch("SELECT person FROM application_person WHERE application = $1", application)
    }


async def standing(actor: Actor, case: Case) -> Standing:
    """How `actor` stands to `case`.

    A part taken on the phone counts for the same person at the console. What was done in the stage that is now open is
    not an earlier part: nobody is barred from it by a review, or by having sent the case back from there.
    """
    row = await fetch_one(
        """SELECT
            EXISTS (SELECT FROM application_person a WHERE a.application = $1 AND a.person = $2) AS subject,
            EXISTS (SELECT FROM relation r JOIN application_person a
                ON a.application = $1 AND r.to_on IS NULL
                    AND ((r.person = $2 AND r.relative = a.person) OR (r.relative = $2 AND r.person = a.person)))
                AS relative,
            EXISTS (SELECT FROM application_event e WHERE e.application = $1
                AND (e.actor = $3 OR e.actor_person = $2)
                AND e.action = ANY($4) AND e.from_stage <> $5) AS involved,
            EXISTS (SELECT FROM recusal x WHERE x.application = $1 AND x.account = $3 AND x.stage = $5) AS recused""",
        case.id,
        actor.person_id,
        actor.account_id,
        list(INVOLVING),
        case.stage_key,
    )
    assert row is not None
    return Standing(
        is_subject=row["subject"],
        is_relative=row["relative"],
        same_unit=actor.employer_id is not None and actor.employer_id == case.levels[Level.UNIT],
        involved=row["involved"],
        recused=row["recused"],
    )


async def seat(case: Case, stage: Stage) -> UUID | None:
    """The union that acts on `case` in `stage`: see `seats`."""
    return (await seats([case], stage))[case.id]


async def seats(cases: Sequence[Case], stage: Stage) -> dict[UUID, UUID | None]:
    """The union that acts on each case in `stage`: of its level, or the nearest above where enough people may act.

    A stage that nobody there may fill (the only verifier is the applicant's wife) goes up by this rule; the event
    records which union it went to. Where no level can fill it, it stays at its own.
    """
    levels = list(Level)
    upward = levels[: levels.index(stage.level) + 1][::-1]
    fit: defaultdict[UUID, dict[UUID, int]] = defaultdict(dict)
    for row in await fetch(
        _FIT,
        stage.role,
        [case.id for case in cases],
        KINDS[stage.kind].judging,
        list(INVOLVING),
        stage.key,
    ):
        fit[row["id"]][row["trade_union"]] = row["people"]
    needed = stage.reviewers if stage.kind is StageKind.COMMITTEE else 1

    def of(case: Case) -> UUID | None:
        unions = [union for level in upward if (union := case.levels[level]) is not None]
        if not unions:
            return None
        return next((union for union in unions if fit[case.id].get(union, 0) >= needed), unions[0])

    return {case.id: of(case) for case in cases}


#: How many people may act on each case at each union of its line: `$1` the role, `$2` the cases, `$3` whether the stage
#: judges, `$4` the actions that involve, `$5` the stage.
_FIT = """SELECT a.id, b.trade_union, count(DISTINCT b.account) AS people
    FROM application a JOIN role_binding b ON b.role = $1 AND b.to_at IS NULL
        AND b.trade_union IN (a.national_id, a.province_id, a.city_id, a.county_id, a.unit_id)
    JOIN console_account c ON c.id = b.account
    WHERE a.id = ANY($2) AND c.active AND (b.role NOT IN ('reviewer', 'chair') OR b.approved_by IS NOT NULL)
        AND NOT EXISTS (SELECT FROM application_person p WHERE p.application = a.id
            AND (p.person = c.person OR EXISTS (SELECT FROM relation r WHERE r.to_on IS NULL
                AND ((r.person = c.person AND r.relative = p.person)
                    OR (r.relative = c.person AND r.person = p.person)))))
        AND NOT ($3 AND (c.employer IS NOT DISTINCT FROM a.unit_id OR EXISTS (
            SELECT FROM application_event e
            WHERE e.application = a.id AND (e.actor = c.id OR e.actor_person = c.person)
                AND e.action = ANY($4) AND e.from_stage <> $5)))
    GROUP BY a.id, b.trade_union"""


def holds_seat(actor: Actor, case: Case, role: Role) -> bool:
    """Whether the actor holds `role` at the very union that acts on the case now."""
    return case.acting_union is not None and any(b.union_id == case.acting_union for b in actor.unions_as(role))


def _barred(code: str, zh: str, en: str) -> Violation:
    return Violation(code, Text(zh, en), clause=CLAUSE)
