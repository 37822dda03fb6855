"""What a declared relative must be like, how many there may be, and who agrees for whom. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from backend.errors import Violation
from backend.people.ages import full_years
from backend.people.identifiers import IdentifierType, check_name, normal_name
from backend.people.relations import BY_MARRIAGE, RELATION_LABELS, EndReason, RelationKind
from backend.registry.facts import IdentifierInput
from backend.registry.family.facts import FamilyRules, MemberInput, Said, Tie
from backend.registry.policy import check_identity, identifier_of
from backend.words import Text

#: From this birthday on nobody agrees for a person but the person (个人信息保护法 第二十八、三十一条).
OWN_CONSENT_AGE = 14
MAJORITY_AGE = 18

#: What holds where no union has published a policy row of its own.
DEFAULT_RULES = FamilyRules(
    live={
        RelationKind.SPOUSE: 1,
        RelationKind.CHILD: 10,
        RelationKind.PARENT: 2,
        RelationKind.PARENT_IN_LAW: 2,
        RelationKind.SIBLING: 10,
        RelationKind.GRANDPARENT: 4,
        RelationKind.GRANDCHILD: 10,
        RelationKind.OTHER: 2,
    },
    live_total=20,
    declared_ever=60,
    generation_years=12,
    birth_certificate_below=16,
    dated=(RelationKind.SPOUSE,),
    evidence={
        RelationKind.SPOUSE: ("marriage_certificate", "household_register"),
        RelationKind.CHILD: ("birth_certificate", "household_register", "guardianship_proof"),
        RelationKind.PARENT: ("household_register", "birth_certificate"),
        RelationKind.PARENT_IN_LAW: ("household_register",),
        RelationKind.SIBLING: ("household_register", "birth_certificate"),
        RelationKind.GRANDPARENT: ("household_register",),
        RelationKind.GRANDCHILD: ("household_register", "birth_certificate"),
        RelationKind.OTHER: ("household_register", "guardianship_proof"),
    },
    guardian_evidence=("guardianship_proof",),
)
DEFAULT_CLAUSE = "民法典 第一千零四十一、一千零四十五条"

_OLDER = frozenset({RelationKind.PARENT, RelationKind.GRANDPARENT})
_YOUNGER = frozenset({RelationKind.CHILD, RelationKind.GRANDCHILD})
_WARDS = frozenset({RelationKind.GRANDCHILD, RelationKind.SIBLING, RelationKind.OTHER})


def said_of(identifier: IdentifierInput) -> Said:
    """What is known of a relative from a number and what comes with it."""
    number = identifier_of(identifier)
    return Said(number.type, number.born_on or identifier.born_on, number.sex or identifier.sex)


def check_member(
    entered: MemberInput,
    said: Said,
    worker_born_on: date | None,
    ties: Sequence[Tie],
    rules: FamilyRules,
    clause: str,
    today: date,
) -> list[Violation]:
    """Everything that is wrong with a relative as declared on `today` by a worker who has these other `ties`."""
    found = check_name(normal_name(entered.name))
    if entered.identifier is not None:
        found += check_identity(entered.identifier, today)
    return [
        *found,
        *_check_number(said, rules, today),
        *_check_dates(entered, said, worker_born_on, rules, today),
        *_check_generation(entered.kind, said.born_on, worker_born_on, rules),
        *_check_guardian(entered, said.born_on, today),
        *_check_many(entered, ties, rules, clause),
    ]


def check_end(kind: RelationKind, from_on: date | None, to_on: date, reason: EndReason, today: date) -> list[Violation]:
    """What is wrong with the end of a relation: a day to come or before its begin, a divorce from blood."""
    found = []
    if to_on > today:
        found.append(_violation("date_in_future", "日期不能晚于今天。", "This day has not come yet.", "to_on"))
    if from_on is not None and to_on < from_on:
        found.append(_violation("ends_before_start", "结束早于开始。", "It ends before it begins.", "to_on"))
    if reason is EndReason.DIVORCE and kind not in BY_MARRIAGE:
        found.append(
            _violation("end_reason", "血亲关系不因离婚而结束。", "A divorce does not end kinship by blood.", "reason")
        )
    return found


def guards(kind: RelationKind, guardian: bool) -> bool:
    """Whether who declared the relation is the relative's parent or guardian."""
    return kind is RelationKind.CHILD or guardian


def needs_guardian(born_on: date | None, on: date) -> bool:
    """Whether somebody else agrees for a person on that day: below 14; the 14th birthday is the person's own."""
    return born_on is not None and full_years(born_on, on) < OWN_CONSENT_AGE


def evidence_for(kind: RelationKind, guardian: bool, rules: FamilyRules) -> tuple[str, ...]:
    """The kinds of paper that show such a relation."""
    return rules.guardian_evidence if guardian else rules.evidence.get(kind, ())


def _check_number(said: Said, rules: FamilyRules, today: date) -> list[Violation]:
    if said.type is not IdentifierType.BIRTH_CERTIFICATE or said.born_on is None:
        return []
    if full_years(said.born_on, today) < rules.birth_certificate_below:
        return []
    return [
        Violation(
            "birth_certificate_age",
            Text(
                f"年满 {rules.birth_certificate_below} 周岁请填写居民身份证号。",
                f"From the age of {rules.birth_certificate_below} on, give the resident ID.",
            ),
            "identifier.type",
            "居民身份证法 第二条",
        )
    ]


def _check_dates(
    entered: MemberInput, said: Said, worker_born_on: date | None, rules: FamilyRules, today: date
) -> list[Violation]:
    begins = entered.from_on
    if begins is None:
        if entered.kind in rules.dated:
            return [_violation("from_on_missing", "请填写关系开始日期。", "Say since when.", "from_on")]
        return []
    if begins > today:
        return [_violation("date_in_future", "日期不能晚于今天。", "This day has not come yet.", "from_on")]
    if any(born_on is not None and begins < born_on for born_on in (said.born_on, worker_born_on)):
        return [_violation("before_birth", "关系开始早于出生日期。", "It begins before a birth.", "from_on")]
    return []


def _check_generation(
    kind: RelationKind, born_on: date | None, worker_born_on: date | None, rules: FamilyRules
) -> list[Violation]:
    if born_on is None or worker_born_on is None:
        return []
    if kind in _YOUNGER:
        older, younger = worker_born_on, born_on
    elif kind in _OLDER:
        older, younger = born_on, worker_born_on
    else:
        return []
    if full_years(older, younger) >= rules.generation_years:
        return []
    return [
        _violation(
            "generation",
            f"出生日期与关系不符:长辈与晚辈应相差至少 {rules.generation_years} 岁。",
            f"Parent and child are at least {rules.generation_years} years apart.",
            "identifier",
        )
    ]


def _check_guardian(entered: MemberInput, born_on: date | None, today: date) -> list[Violation]:
    if not entered.guardian:
        return []
    if entered.kind in _WARDS and born_on is not None and full_years(born_on, today) < MAJORITY_AGE:
        return []
    return [
        Violation(
            "guardian",
            Text(
                "监护关系只适用于未成年的孙辈、弟妹或其他亲属;子女不用填写。",
                "Guardianship is for grandchildren, siblings and others below 18; one's child needs no mention of it.",
            ),
            "guardian",
            "民法典 第二十七条",
        )
    ]


def _check_many(entered: MemberInput, ties: Sequence[Tie], rules: FamilyRules, clause: str) -> list[Violation]:
    found = []
    limit = rules.live.get(entered.kind, 0)
    label = RELATION_LABELS[entered.kind]
    if sum(tie.live and tie.kind is entered.kind for tie in ties) >= limit:
        found.append(
            Violation(
                "too_many_of_kind",
                Text(f"{label.zh}最多 {limit} 人。", f"{label.en}: at most {limit}."),
                "kind",
                clause,
            )
        )
    elif entered.kind is RelationKind.SPOUSE and any(_overlaps(entered.from_on, tie) for tie in ties):
        found.append(
            Violation(
                "spouse_overlap",
                Text("与前一段婚姻的时间重叠。", "It overlaps with an earlier marriage."),
                "from_on",
                clause,
            )
        )
    if sum(tie.live for tie in ties) >= rules.live_total:
        found.append(
            Violation(
                "too_many_relatives",
                Text(f"家属最多 {rules.live_total} 人。", f"At most {rules.live_total} relatives."),
                "kind",
                clause,
            )
        )
    if len(ties) >= rules.declared_ever:
        found.append(
            Violation(
                "declared_too_often",
                Text("申报次数已达上限,请联系单位工会。", "Too many declarations; ask the union of your unit."),
                "kind",
                clause,
            )
        )
    return found


def _overlaps(from_on: date | None, tie: Tie) -> bool:
    if tie.kind is not RelationKind.SPOUSE or tie.struck or tie.to_on is None:
        return False
    return from_on is None or from_on < tie.to_on


def _violation(code: str, zh: str, en: str, field: str) -> Violation:
    return Violation(code, Text(zh, en), field)
