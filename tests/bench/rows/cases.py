"""The cases: those that ended or are on their way, drafts that can be sent, and candidates for one batch."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from backend.columns import LEVEL_COLUMNS
from backend.sealing import KeyRing
from tests.bench.rows.ground import SPAN, Ground
from tests.bench.rows.paths import COMPLETED, DRAFT, PATHS, WAITING, WEIGHTS, Path
from tests.bench.rows.places import BATCHES, OPEN_BATCHES, Places
from tests.bench.rows.staff import PAPERS, Staff, Worker

#: One case in so many is of a busy worker, who has BUSY_CASES of them.
BUSY_EVERY, BUSY_CASES = 25, 20
_LINES = (
    ("front_days", "一线 40 天", "40 days at the front", 40),
    ("dispatch", "外派支援", "Dispatched to help elsewhere", 0),
    ("honours", "所获表彰(取最高)", "Honours (highest)", 0),
    ("never_been", "此前未享受疗休养", "Never been before", 20),
)
_APPLICATION = (
    *("id", "number", "kind", "programme_version", "submitted_by", "filed_by_officer", "subject_kind"),
    *("subject_person", "subject_name", "aggregate", "state", "stage", "awaiting_role", "acting_union", "round"),
    *("placement", "rank", "points", "papers_required", "papers_verified", "due_on", "version", "created_at"),
    *("submitted_at", "entered_at", "decided_at", *LEVEL_COLUMNS),
)
_EVENT = (
    *("id", "application", "seq", "at", "actor", "actor_person", "actor_name", "role", "action", "from_state"),
    *("to_state", "from_stage", "to_stage", "comment", "body", "previous", "hash"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One case as it goes into the tables; `number` is its worker's, `judged` whether its facts are on file."""

    row: tuple[Any, ...]
    worker: Worker
    number: int
    batch: UUID
    created: datetime
    path: Path
    busy: bool
    judged: bool

    @property
    def live(self) -> bool:
        """Whether it keeps its worker from another request in the batch."""
        return self.path.awaiting != "" or self.path is COMPLETED


class Cases:
    """Lays the cases of a fill over its places and its staff."""

    def __init__(self, ground: Ground, places: Places, staff: Staff) -> None:
        self._ground = ground
        self._ids, self._random, self._copy = ground.ids, ground.random, ground.copy
        self._places = places
        self._staff = staff

    @property
    def busy(self) -> list[Worker]:
        """The workers with BUSY_CASES cases each."""
        return self._staff.workers[: self._ground.size.applications // BUSY_EVERY // BUSY_CASES]

    async def lay(self) -> list[tuple[Worker, UUID]]:
        """All cases but the drafts; those of busy workers, whose facts are on file, are returned."""
        made = list(self._made_cases())
        await self._copy("application", _APPLICATION, (case.row for case in made))
        await self._rest(made)
        await self._copy("application_event", _EVENT, (row for case in made for row in self._events(case)))
        judged = [case for case in made if case.judged]
        await self._facts(judged)
        return [(case.worker, case.row[0]) for case in judged if case.busy]

    async def drafts(self, count: int, batches: Sequence[UUID]) -> list[tuple[Worker, UUID]]:
        """Drafts of workers of the first city, whole, so that they can be sent: a worker has one in each batch."""
        version, city = self._places.versions[0], self._places.cities[0]
        own = [n for n, worker in enumerate(self._staff.workers) if worker.levels[2] == city]
        own = own[: -(-count // len(batches))]
        made = []
        for place in range(count):
            number = own[place % len(own)]
            worker, batch = self._staff.workers[number], batches[(number + place // len(own)) % len(batches)]
            if place >= len(own) * len(batches):
                raise ValueError("too few workers for so many drafts")
            created = self._ground.base.now - timedelta(hours=1)
            row = (
                *(self._ids.at(created), f"RR-2026-{batch.hex[-4:]}{place:07d}", "recuperation", version),
                *(worker.account, False, "person", worker.person, worker.name, batch, "draft", "filing", "worker"),
                *(None, 1, "", None, 0, 3, 3, None, 1, created, None, created, None, *worker.levels),
            )
            made.append(Case(row, worker, number, batch, created, DRAFT, False, True))
        await self._copy("application", _APPLICATION, (case.row for case in made))
        await self._rest(made)
        return [(case.worker, case.row[0]) for case in made]

    async def candidates(self, count: int, batch: UUID) -> None:
        """So many cases that wait for a place in the batch, each of a worker of its own."""
        version, city = self._places.versions[0], self._places.cities[0]
        created = self._ground.base.now - timedelta(days=1)
        made = []
        for number, worker in enumerate(self._staff.workers[:count]):
            row = (
                *(self._ids.at(created), f"RR-2026-C{number:07d}", "recuperation", version, worker.account),
                *(False, "person", worker.person, worker.name, batch, "under_review", "allocation", "chair", city, 1),
                *("", None, self._random.randrange(90), 3, 3, None, 5, created, created, created, None),
                *worker.levels,
            )
            made.append(Case(row, worker, number, batch, created, WAITING, False, False))
        await self._copy("application", _APPLICATION, (case.row for case in made))
        await self._rest(made)
        await self._copy("application_event", _EVENT, (row for case in made for row in self._events(case)))

    async def _rest(self, made: list[Case]) -> None:
        """What hangs on cases: their persons, requests and papers."""
        blank = self._ground.sealer.seal("{}", "bench")
        ids = self._ids
        await self._copy(
            "application_person",
            ("id", "application", "person"),
            ((ids.at(case.created), case.row[0], case.worker.person) for case in made),
        )
        await self._copy(
            "stay_request",
            (
                *("id", "application", "batch", "person", "companions", "fit_to_travel", "health_sealed"),
                *("contact_sealed", "live"),
            ),
            (
                (ids.at(case.created), case.row[0], case.batch, case.worker.person, 1, True, blank, blank, case.live)
                for case in made
            ),
        )
        await self._copy(
            "application_document",
            ("id", "application", "requirement", "person", "upload", "attached_at"),
            (
                (ids.at(case.created), case.row[0], requirement, case.worker.person, upload, case.created)
                for case in made
                for upload, (requirement, _) in zip(self._staff.uploads[case.number], PAPERS, strict=True)
                if requirement != "merit" or case.judged
            ),
        )

    def _made_cases(self) -> Iterator[Case]:
        """Busy workers get every BUSY_EVERY-th case, one after the other; nobody has two in one batch."""
        busy = max(1, len(self.busy))
        step = SPAN / self._ground.size.applications
        have: dict[int, int] = {}
        for count in range(self._ground.size.applications):
            is_busy = count % BUSY_EVERY == 0
            number = count // BUSY_EVERY % busy if is_busy else self._random.randrange(busy, len(self._staff.workers))
            mine = have[number] = have.get(number, -1) + 1
            yield self._case(number, mine, self._ground.began + step * count, count, is_busy=is_busy)

    def _case(self, number: int, mine: int, created: datetime, count: int, *, is_busy: bool) -> Case:
        worker = self._staff.workers[number]
        which = self._places.cities.index(next(level for level in worker.levels[2:3] if level))
        path = self._random.choices(PATHS, WEIGHTS)[0]
        last = path.steps[-1]
        acting = {"unit": worker.unit, "city": self._places.cities[which], "": None}[path.acting]
        entered = created + timedelta(minutes=len(path.steps))
        batch = self._places.batches[which][(number * 7 + mine) % (BATCHES - OPEN_BATCHES)]
        row = (
            *(self._ids.at(created), f"RR-2025-{count:07d}", "recuperation", self._places.versions[which]),
            *(worker.account, False, "person", worker.person, worker.name, batch, last[3], last[2], path.awaiting),
            *(acting, 1, path.placement, None, 60, 3, 3, None, len(path.steps) + 1, created, created, entered),
            *(entered if last[2] == "" else None, *worker.levels),
        )
        return Case(row, worker, number, batch, created, path, is_busy, is_busy or path.awaiting != "")

    def _events(self, case: Case) -> Iterator[tuple[Any, ...]]:
        previous, before = b"", ("filing", "draft")
        application = case.row[0]
        for seq, (role, action, stage, state) in enumerate(case.path.steps, start=1):
            at = case.created + timedelta(minutes=seq)
            by_worker = role == "worker"
            actor = case.worker.account if by_worker else self._ground.base.officer
            body = msgspec.json.encode(
                {
                    "application": application,
                    "seq": seq,
                    "at": at,
                    "actor": actor,
                    "role": role,
                    "action": action,
                    "from": before,
                    "to": (stage, state),
                    "placement": ["", None],
                    "acting_union": None,
                    "comment": "属实",
                    "facts": None,
                },
                order="deterministic",
            )
            hashed = hashlib.sha256(previous + body).digest()
            yield (
                *(self._ids.at(at), application, seq, at, actor, case.worker.person if by_worker else None),
                *(case.worker.name if by_worker else "李经办", role, action, before[1], state, before[0], stage),
                *("属实", body, previous, hashed),
            )
            previous, before = hashed, (stage, state)

    async def _facts(self, judged: list[Case]) -> None:
        """The facts that were judged on submitting, sealed by a key of each case."""
        lines = [
            {"code": code, "label_zh": zh, "label_en": en, "points": points, "clause": "泰会办〔2020〕7号"}
            for code, zh, en, points in _LINES
        ]
        facts = msgspec.json.encode({"facts": {}, "checks": [], "lines": lines}).decode()
        keys, sealed = [], []
        for case in judged:
            application = case.row[0]
            key = self._random.randbytes(32)
            keys.append((application, self._ground.sealer.seal(base64.b64encode(key).decode(), "case_key")))
            own = KeyRing({"case": key}, "case", key)
            sealed.append((self._ids.at(case.created), application, 1, own.seal(facts, f"facts:{application}:1")))
        await self._copy("case_key", ("application", "sealed"), keys)
        await self._copy("application_facts", ("id", "application", "seq", "sealed"), sealed)
