"""What each relative's row of a roster comes to, beside the workers' rows and against the file. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date

from backend.errors import Violation
from backend.people.identifiers import Identifier, IdentifierType, normal_name
from backend.people.relations import RELATION_LABELS, SEX_LABELS, RelationKind
from backend.registry.facts import IdentifierInput
from backend.registry.family.facts import MemberInput, Tie
from backend.registry.family.policy import check_member, said_of
from backend.registry.policy import conflict, identifier_of
from backend.registry.roster.columns import FAMILY_FIELDS
from backend.registry.roster.judging import unsettled
from backend.registry.roster.lines import Change, FamilyEntry, FamilyLine, Fault, StaffLine, Verdict
from backend.registry.roster.standing import HEADERS, KnownTie, Standing, changes_of, shown, stands_twice


def judge_family(
    entries: Sequence[FamilyEntry], staff: Sequence[StaffLine], standing: Standing
) -> tuple[FamilyLine, ...]:
    """The relatives' rows, each judged beside the workers' rows of the same workbook."""
    return _FamilyJudge(staff, entries, standing).lines()


class _FamilyJudge:
    """Judges relatives' rows one after another: what was found good counts for the limits of those that follow."""

    def __init__(self, staff: Sequence[StaffLine], entries: Sequence[FamilyEntry], standing: Standing) -> None:
        self._standing = standing
        self._entries = entries
        self._staff = {line.entry.identifier: line for line in staff if line.entry.identifier}
        self._good: dict[Identifier, list[Tie]] = defaultdict(list)
        self._seen: dict[tuple[Identifier, Identifier], int] = {}
        self._names: dict[Identifier, tuple[str, int]] = {}
        self._times = Counter(
            (worker, entry.identifier)
            for entry in entries
            if entry.identifier and (worker := self._worker(entry)) is not None
        )

    def lines(self) -> tuple[FamilyLine, ...]:
        """Every row judged."""
        return tuple(self._line(entry) for entry in self._entries)

    def _worker(self, entry: FamilyEntry) -> Identifier | None:
        """Whose relative the row speaks of: a worker of the workbook, or one with a record of this unit."""
        candidates = [identifier_of(number) for number in entry.worker]
        in_file = next((one for one in candidates if one in self._staff), None)
        if in_file is not None:
            return in_file
        for one in candidates:
            found = self._standing.on_file.get(one)
            if found is not None and found.record is not None and found.record["unit"] == self._standing.unit:
                return one
        return None

    def _line(self, entry: FamilyEntry) -> FamilyLine:
        worker = self._worker(entry)
        faults = [*entry.faults]
        if worker is None:
            if entry.worker:
                faults.append(
                    self._fault(
                        "worker",
                        "worker_unknown",
                        "本表和本单位档案中没有这位职工。",
                        "No such worker here or on file.",
                    )
                )
            return FamilyLine(entry, Verdict.WRONG, tuple(faults))
        faults += self._check_worker(entry, worker)
        if entry.entered is None or entry.identifier is None:
            return FamilyLine(entry, Verdict.WRONG, tuple(faults))
        faults += self._check_relative(entry.entered, entry.identifier, worker, entry.row)
        standing = self._tie(worker, entry.identifier)
        if standing is None and not faults:
            faults += self._check_certificate(entry.entered, worker)
        changes = self._family_changes(entry.entered, standing) if standing is not None else ()
        if changes or standing is None:
            faults += self._check_rules(entry.entered, worker, standing)
            if standing is not None and standing.in_use:
                faults.append(
                    self._fault(
                        "relation", "relation_in_use", "已有办理事项用到这位家属,不能更正。", "A case rests on them."
                    )
                )
        if faults:
            return FamilyLine(entry, Verdict.WRONG, tuple(faults))
        if standing is None:
            self._good[worker].append(Tie(entry.entered.kind, entry.entered.from_on, None))
        line = self._staff.get(worker)
        return FamilyLine(
            entry,
            Verdict.NEW if standing is None else Verdict.CHANGED if changes else Verdict.SAME,
            changes=changes,
            worker=IdentifierInput(worker.type, worker.number),
            relation=standing.id if standing else None,
            needs_row=line.entry.row if line and line.verdict is Verdict.NEW else None,
        )

    def _check_worker(self, entry: FamilyEntry, worker: Identifier) -> list[Fault]:
        found = []
        line, on_file = self._staff.get(worker), self._standing.on_file.get(worker)
        if line is not None and line.verdict is Verdict.WRONG:
            return [
                self._fault(
                    "worker",
                    "worker_wrong",
                    f"职工表第 {line.entry.row} 行有错误,先改正。",
                    f"Row {line.entry.row} of the staff sheet is wrong; mend it first.",
                )
            ]
        if line is None and on_file is not None and on_file.conflict:
            refusal = conflict()
            found.append(self._standing.broken("family", "worker", Violation(refusal.code, refusal.message)))
        elif line is None and on_file is not None and on_file.record is not None:
            found += [
                Fault(one.code, *self._at("worker"), one.zh, one.en)
                for one in unsettled(on_file.record, self._standing)
            ]
        name = line.entry.name if line else on_file.record["name"] if on_file and on_file.record else ""
        if entry.worker_name and name and entry.worker_name != name:
            found.append(
                self._fault(
                    "worker_name", "worker_name", "与该证件号的职工姓名不一致。", "This is not the name of that worker."
                )
            )
        return found

    def _check_relative(
        self, entered: MemberInput, identifier: Identifier, worker: Identifier, row: int
    ) -> list[Fault]:
        found = []
        on_file = self._standing.on_file.get(identifier)
        if identifier == worker:
            found.append(
                self._fault("identifier", "oneself", "与职工证件号码相同。", "This is the worker's own number.")
            )
        if on_file is not None and on_file.person == self._standing.officer:
            refusal = conflict()
            found.append(self._standing.broken("family", "identifier", Violation(refusal.code, refusal.message)))
        if self._times[worker, identifier] > 1:
            other = self._seen.setdefault((worker, identifier), row)
            found.append(stands_twice(self._standing, "family", other if other != row else None))
        name = normal_name(entered.name)
        line = self._staff.get(identifier)
        if line is not None and line.entry.name != name:
            found.append(self._other_name(f"职工表第 {line.entry.row} 行", f"row {line.entry.row} of the staff sheet"))
        known, at = self._names.setdefault(identifier, (name, row))
        if known != name:
            found.append(self._other_name(f"第 {at} 行", f"row {at}"))
        return found

    def _check_certificate(self, entered: MemberInput, worker: Identifier) -> list[Fault]:
        """A child on file by a birth certificate who comes along with a resident ID is not a second child."""
        assert entered.identifier is not None
        said = said_of(entered.identifier)
        if said.type is not IdentifierType.RESIDENT_ID:
            return []
        for known in self._ties(worker):
            same = (known.tie.kind, known.name, known.said.born_on) == (
                entered.kind,
                normal_name(entered.name),
                said.born_on,
            )
            if known.tie.live and same and known.said.type is IdentifierType.BIRTH_CERTIFICATE:
                return [
                    self._fault(
                        "identifier",
                        "known_by_certificate",
                        "该家属已以出生医学证明在档:请职工在手机端补录身份证号,再在档案页核对。",
                        "On file by a birth certificate: the worker adds the resident ID on the phone.",
                    )
                ]
        return []

    def _check_rules(self, entered: MemberInput, worker: Identifier, standing: KnownTie | None) -> list[Fault]:
        assert entered.identifier is not None
        ties = [known.tie for known in self._ties(worker) if standing is None or known.id != standing.id]
        found = check_member(
            entered,
            said_of(entered.identifier),
            self._born_on(worker),
            [*ties, *self._good[worker]],
            self._standing.rules,
            self._standing.clause,
            self._standing.today,
        )
        return [
            self._standing.broken("family", FAMILY_FIELDS.get(violation.field, ""), violation) for violation in found
        ]

    def _family_changes(self, entered: MemberInput, standing: KnownTie) -> tuple[Change, ...]:
        assert entered.identifier is not None
        said = said_of(entered.identifier)
        pairs = [
            ("relation", _relation(standing.tie.kind), _relation(entered.kind)),
            ("name", standing.name, normal_name(entered.name)),
            ("sex", SEX_LABELS[standing.said.sex].zh, SEX_LABELS[said.sex].zh),
            ("born_on", shown(standing.said.born_on), shown(said.born_on)),
            ("guardian", shown(standing.guardian), shown(entered.guardian)),
        ]
        if entered.from_on is not None:
            pairs.append(("from_on", shown(standing.tie.from_on), shown(entered.from_on)))
        return changes_of("family", pairs)

    def _born_on(self, worker: Identifier) -> date | None:
        line, on_file = self._staff.get(worker), self._standing.on_file.get(worker)
        if worker.born_on is not None:
            return worker.born_on
        if line is not None and line.entry.entered is not None and line.entry.entered.identifier is not None:
            return line.entry.entered.identifier.born_on
        return on_file.record["born_on"] if on_file and on_file.record else None

    def _ties(self, worker: Identifier) -> Sequence[KnownTie]:
        on_file = self._standing.on_file.get(worker)
        return self._standing.ties.get(on_file.person, ()) if on_file else ()

    def _tie(self, worker: Identifier, relative: Identifier) -> KnownTie | None:
        on_file = self._standing.on_file.get(relative)
        if on_file is None:
            return None
        return next(
            (known for known in self._ties(worker) if known.tie.live and known.relative == on_file.person), None
        )

    def _at(self, key: str) -> tuple[str, str]:
        return self._standing.columns.get("family", {}).get(key, ""), HEADERS["family"][key]

    def _fault(self, key: str, code: str, zh: str, en: str) -> Fault:
        return self._standing.fault("family", key, code, zh, en)

    def _other_name(self, zh: str, en: str) -> Fault:
        return self._fault(
            "name", "name_differs", f"同一证件号在{zh}是另一姓名。", f"The same number has another name in {en}."
        )


def _relation(value: str) -> str:
    return RELATION_LABELS[RelationKind(value)].zh
