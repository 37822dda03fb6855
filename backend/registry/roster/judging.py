"""What each worker's row of a roster comes to, against the file and against the other rows. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from backend.errors import Violation
from backend.people.identifiers import Identifier, normal_name
from backend.people.relations import SEX_LABELS
from backend.registry.facts import RecordInput
from backend.registry.family.policy import said_of
from backend.registry.kinds import (
    CERTIFICATION_LABELS,
    JOB_LABELS,
    POPULATION_LABELS,
    Certification,
    JobCategory,
    Population,
    RecordState,
)
from backend.registry.policy import conflict
from backend.registry.roster.lines import Change, Fault, StaffEntry, StaffLine, Verdict
from backend.registry.roster.standing import Standing, changes_of, shown, stands_twice
from backend.sealing import mask_phone


def judge_staff(entries: Sequence[StaffEntry], standing: Standing) -> tuple[StaffLine, ...]:
    """The workers' rows, each judged."""
    times = Counter(entry.identifier for entry in entries if entry.identifier)
    first: dict[Identifier, int] = {}
    lines = []
    for entry in entries:
        found = []
        if entry.identifier and times[entry.identifier] > 1:
            other = first.setdefault(entry.identifier, entry.row)
            found.append(stands_twice(standing, "staff", other if other != entry.row else None))
        lines.append(_staff_line(entry, found, standing))
    return tuple(lines)


def merged(entered: RecordInput, record: Mapping[str, Any]) -> RecordInput:
    """What a row says of a worker on file: what it leaves open stays as it is."""
    return msgspec.structs.replace(
        entered,
        department=entered.department.strip() or record["department"],
        list_version=entered.list_version.strip() or record["list_version"],
    )


def _staff_line(entry: StaffEntry, found: list[Fault], standing: Standing) -> StaffLine:
    faults = [*entry.faults, *found]
    on_file = standing.on_file.get(entry.identifier) if entry.identifier else None
    if on_file is not None and on_file.conflict:
        refusal = conflict()
        faults.append(standing.broken("staff", "identifier", Violation(refusal.code, refusal.message)))
    record = on_file.record if on_file else None
    if record is not None:
        faults += unsettled(record, standing)
    if faults or entry.entered is None:
        return StaffLine(entry, Verdict.WRONG, tuple(faults))
    if record is None:
        return StaffLine(entry, Verdict.NEW)
    changes, remarks = _staff_changes(entry, record, standing)
    return StaffLine(
        entry, Verdict.CHANGED if changes else Verdict.SAME, changes=changes, remarks=remarks, record=record["id"]
    )


def unsettled(record: Mapping[str, Any], standing: Standing) -> list[Fault]:
    """Why the record of a worker is not the officer's to change now; nothing for a verified one of the unit."""
    if record["unit"] != standing.unit:
        return [
            standing.fault(
                "staff",
                "identifier",
                "other_unit",
                "该证件号已有档案,不在本单位。",
                "This number is on file under another unit.",
            )
        ]
    if record["state"] != RecordState.VERIFIED:
        return [
            standing.fault(
                "staff",
                "identifier",
                "unsettled",
                "本人正在填写或等待核实,请在“待核实的档案”中办理。",
                "The worker is amending the record: settle it under records to verify.",
            )
        ]
    return []


def _staff_changes(
    entry: StaffEntry, record: Mapping[str, Any], standing: Standing
) -> tuple[tuple[Change, ...], tuple[Fault, ...]]:
    assert entry.entered is not None
    entered = merged(entry.entered, record)
    assert entered.identifier is not None
    said = said_of(entered.identifier)
    pairs = [
        ("name", record["name"], normal_name(entered.name)),
        ("sex", SEX_LABELS[record["sex"]].zh, SEX_LABELS[said.sex].zh),
        ("born_on", shown(record["born_on"]), shown(said.born_on)),
        ("department", record["department"], entered.department),
        ("population", _population(record["population"]), _population(entered.population)),
        ("job", _job(record["job_category"]), _job(entered.job_category)),
        ("joined_on", shown(record["joined_unit_on"]), shown(entered.joined_unit_on)),
        ("certification", _certification(record["certification"]), _certification(entered.certification)),
        ("list_version", record["list_version"], entered.list_version),
    ]
    remarks: tuple[Fault, ...] = ()
    if standing.phone_digest(entry.phone) != record["phone_digest"]:
        if record["held"]:
            remarks = (
                standing.fault(
                    "staff",
                    "phone",
                    "phone_held",
                    "本人已认领档案,手机号以本人为准,不更新。",
                    "The worker holds the record: their own phone stays.",
                ),
            )
        else:
            pairs.append(("phone", record["phone_masked"], mask_phone(entry.phone)))
    return changes_of("staff", pairs), remarks


def _population(value: str) -> str:
    return POPULATION_LABELS[Population(value)].zh


def _job(value: str) -> str:
    return JOB_LABELS[JobCategory(value)].zh


def _certification(value: str) -> str:
    return CERTIFICATION_LABELS[Certification(value)].zh
