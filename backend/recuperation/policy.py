"""The rules of rest and recuperation: who may go, in which order, and what a batch may offer. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from backend.applications.judgement import PointLine, RuleCheck
from backend.applications.programme import Ruleset
from backend.errors import Violation
from backend.people.ages import full_years
from backend.recuperation.facts import BatchFacts, Service, ServiceRecord, StayFacts
from backend.words import Text

CONSENTS = ("personal_data", "sensitive_data", "share_with_sanatorium")


def check_submission(facts: StayFacts, rules: Ruleset, now: datetime, today: date) -> list[RuleCheck]:
    """Every rule for a request made now, passed or not, each with the figure it was judged on.

    `today` is the local date of `now`. Clauses come with the policy rows; the window and the quota are the batch's own.
    """
    batch, request = facts.batch, facts.request
    return [
        *_record_checks(facts.record, batch, rules, today),
        _check(
            "merit_not_evidenced",
            request.merit_evidenced,
            ("表现突出,有佐证", "Outstanding performance, evidenced"),
            ("缺少表现突出的佐证材料", "No evidence of outstanding performance"),
            rules.clause("merit_evidence"),
            "papers.merit",
        ),
        _check(
            "emergency_not_ended",
            batch.emergency_ended_on is not None and batch.emergency_ended_on < today,
            (f"疫情已于 {batch.emergency_ended_on} 结束", f"The emergency ended on {batch.emergency_ended_on}"),
            ("疫情尚未结束,暂不安排疗休养", "The emergency has not ended"),
            rules.clause("after_emergency"),
            "batch",
        ),
        _check(
            "health_not_declared",
            request.health_declared and request.fit_to_travel,
            ("已作健康申报,适合出行", "Health declared, fit to travel"),
            ("须如实作健康申报,且适合出行", "Declare your health, and be fit to travel"),
            rules.clause("health_declaration"),
            "health",
        ),
        _companions(request.companions, batch.companion_rule, rules),
        _check(
            "already_applied",
            not request.has_live_request,
            ("本批次没有重复申请", "No other request in this batch"),
            ("本批次已有您的申请", "You already have a request in this batch"),
            rules.clause("one_request_per_batch"),
            "batch",
        ),
        _check(
            "no_quota",
            request.has_quota,
            ("所在工会有名额", "Your union has places"),
            ("所在工会在本批次没有名额", "Your union has no places in this batch"),
            "",
            "batch",
        ),
        _check(
            "window_closed",
            batch.state == "open" and batch.opens_at <= now < batch.closes_at,
            ("在申请时间内", "Within the application window"),
            ("不在申请时间内", "Outside the application window"),
            "",
            "batch",
        ),
    ]


def points(facts: StayFacts, rules: Ruleset) -> list[PointLine]:
    """The priority of a request, line by line; lines of zero are shown too, so that nothing is a riddle.

    Being early earns nothing. Days count up to the end of the emergency.
    """
    record = facts.record
    services = record.services if record else ()
    until = facts.batch.emergency_ended_on
    days = min(sum(_days(service, until) for service in services), rules.value("front_days_cap"))
    dispatched = {service.dispatch for service in services}
    dispatch = max((rules.value("dispatch_points").get(kind, 0) for kind in dispatched), default=0)
    honours = max(
        (rules.value("honour_points").get(honour.level, 0) for honour in (record.honours if record else ())), default=0
    )
    first = rules.value("never_been_points") if record and not record.stays else 0
    return [
        PointLine(
            "front_days",
            f"一线 {days} 天",
            f"{days} days at the front",
            days * rules.value("points_per_front_day"),
            rules.clause("points_per_front_day"),
        ),
        PointLine("dispatch", "外派支援", "Dispatched to help elsewhere", dispatch, rules.clause("dispatch_points")),
        PointLine("honours", "所获表彰(取最高)", "Honours (highest)", honours, rules.clause("honour_points")),
        PointLine("never_been", "此前未享受疗休养", "Never been before", first, rules.clause("never_been_points")),
    ]


def check_batch(
    batch: BatchFacts, quotas: Sequence[int], capacity: int, cost_fen: int, rules: Ruleset
) -> list[Violation]:
    """What forbids opening a batch: too long, too dear, quotas beyond the places, a window after departure."""
    found = []
    days = (batch.ends_on - batch.starts_on).days + 1
    cap = rules.value("max_days")
    if days > cap:
        found.append(
            Violation(
                "batch_too_long",
                Text(f"含路程 {days} 天,超过上限 {cap} 天。", f"{days} days with travel; the most is {cap}."),
                "ends_on",
                rules.clause("max_days"),
            )
        )
    most = rules.get("max_cost_per_day_fen")
    if most is not None and cost_fen > most:
        found.append(
            Violation(
                "batch_too_dear",
                Text(
                    f"每人每天 {cost_fen / 100:.2f} 元,超过上限 {most / 100:.2f} 元。",
                    f"{cost_fen / 100:.2f} yuan per person and day; the most is {most / 100:.2f}.",
                ),
                "cost_per_day_fen",
                rules.clause("max_cost_per_day_fen"),
            )
        )
    if sum(quotas) > capacity:
        found.append(
            Violation(
                "quotas_beyond_capacity",
                Text(
                    f"各工会名额共 {sum(quotas)} 个,超过 {capacity} 个。",
                    f"Quotas add up to {sum(quotas)}, beyond {capacity} places.",
                ),
                "quotas",
            )
        )
    if batch.closes_at.date() >= batch.starts_on:
        found.append(
            Violation(
                "window_after_start",
                Text("申请截止须早于出发日。", "The window closes before the batch starts."),
                "closes_at",
            )
        )
    return found


def _record_checks(record: ServiceRecord | None, batch: BatchFacts, rules: Ruleset, today: date) -> list[RuleCheck]:
    verified = record is not None and record.state == "verified"
    populations = rules.value("populations")
    years = rules.value("min_years_in_unit")
    served = full_years(record.joined_unit_on, today) if record else 0
    oldest = rules.value("age_below")
    age = full_years(record.born_on, batch.starts_on) if record and record.born_on else None
    given = set(record.consents) if record else set()
    return [
        _check(
            "record_not_verified",
            verified,
            ("一线档案已审核", "Record verified"),
            ("一线档案尚未审核通过", "Your record is not verified yet"),
            rules.clause("populations"),
            "record",
        ),
        _check(
            "population_not_entitled",
            record is not None and record.population in populations,
            ("属于一线医务人员", "Frontline medical staff"),
            ("不属于本项目的人员范围(一线医务人员)", "Not of the staff this programme is for"),
            rules.clause("populations"),
            "record.population",
        ),
        _check(
            "no_frontline_service",
            bool(record and record.services),
            ("有一线服务记录", "Served at the front"),
            ("没有本次疫情的一线服务记录", "No frontline service in this emergency"),
            rules.clause("populations"),
            "record.service_periods",
        ),
        _check(
            "years_in_unit",
            record is not None and served >= years,
            (f"本单位工作满 {years} 年(实际 {served} 年)", f"{years} years in the unit (actual {served})"),
            (f"本单位工作须满 {years} 年(实际 {served} 年)", f"Needs {years} years in the unit (actual {served})"),
            rules.clause("min_years_in_unit"),
            "record.joined_unit_on",
        ),
        _check(
            "age",
            age is not None and age < oldest,
            (f"出发时未满 {oldest} 周岁", f"Under {oldest} at departure"),
            (f"出发时须未满 {oldest} 周岁", f"Must be under {oldest} at departure"),
            rules.clause("age_below"),
            "record.born_on",
        ),
        _rotation(record, batch, rules),
        _check(
            "consent_missing",
            given >= set(CONSENTS),
            ("已同意所需的个人信息处理", "The needed consents are given"),
            ("尚未同意所需的个人信息处理", "A needed consent is missing"),
            "个人信息保护法 第二十三、二十九条",
            "consents",
        ),
    ]


def _rotation(record: ServiceRecord | None, batch: BatchFacts, rules: Ruleset) -> RuleCheck:
    """Not again within the interval; a longer one for a stay in another province (安徽)."""
    crossing = batch.area_code[:2] != batch.home_province
    years = rules.value("cross_province_interval_years" if crossing else "interval_years")
    clause = rules.clause("cross_province_interval_years" if crossing else "interval_years")
    since = [
        stay.ends_on
        for stay in (record.stays if record else ())
        if not crossing or stay.area_code[:2] != batch.home_province
    ]
    last = max(since, default=None)
    return _check(
        "rotation_interval",
        last is None or full_years(last, batch.starts_on) >= years,
        (f"{years} 年内未享受同类疗休养", f"No such stay within {years} years"),
        (f"距上次疗休养({last})不满 {years} 年", f"Less than {years} years since the last stay ({last})"),
        clause,
        "record.stays",
    )


def _companions(count: int, rule: str, rules: Ruleset) -> RuleCheck:
    most = 0 if rule == "none" else rules.value("max_companions")
    return _check(
        "too_many_companions",
        0 <= count <= most,
        (f"同行家属 {count} 人", f"{count} companions"),
        (f"同行家属最多 {most} 人", f"At most {most} companions"),
        rules.clause("max_companions"),
        "companions",
    )


def _days(service: Service, until: date | None) -> int:
    end = service.to_on or until
    return max((end - service.from_on).days + 1, 0) if end else 0


def _check(code: str, passed: bool, good: tuple[str, str], bad: tuple[str, str], clause: str, field: str) -> RuleCheck:
    zh, en = good if passed else bad
    return RuleCheck(code, passed, zh, en, clause, field)
