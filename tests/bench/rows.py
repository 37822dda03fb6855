"""Fills a database with an invented province at work: unions, staff, cases with events and papers, by COPY, seeded."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from backend.columns import LEVEL_COLUMNS
from backend.sealing import KeyRing

#: The shape of the tree: 1 province, then cities, counties and units, 300 unions with the demonstration's own.
CITIES, COUNTIES, UNITS = 4, 25, 252
#: One case in so many is of a busy worker, who has BUSY_CASES of them.
BUSY_EVERY, BUSY_CASES = 25, 20
BATCHES = 100
OPEN_BATCHES = 10
SPAN = timedelta(days=700)
_PAPERS = (("identity", "resident_id"), ("work", "work_permit"), ("merit", "merit_statement"))
_CONSENTS = ("personal_data", "sensitive_data", "share_with_sanatorium")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is filled in: cases on their way or ended, staff, drafts that can be sent, and more on one hot batch."""

    applications: int
    staff: int
    drafts: int
    hot: int


@dataclass(frozen=True, slots=True)
class Base:
    """What was made through the services, for the rows to copy: a published version, a batch, a city."""

    version: UUID
    batch: UUID
    city: UUID
    emergency: UUID
    officer: UUID
    now: datetime


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as the bench logs in: account, device family, person."""

    account: UUID
    family: UUID
    person: UUID
    name: str
    unit: UUID
    levels: tuple[UUID | None, ...]


class Ids:
    """Ids that sort by time as ours do, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable rows, no secret
        self._count = 0

    def at(self, instant: datetime) -> UUID:
        """A UUIDv7 of this instant; of two at the same instant the later made is the greater."""
        self._count += 1
        millis = int(instant.timestamp() * 1000)
        tail = 2 << 62 | (self._count & 0x3FFFFFFF) << 32 | self._random.getrandbits(32)
        return UUID(int=millis << 80 | 7 << 76 | (self._count >> 30 & 0xFFF) << 64 | tail)


class Filling:
    """One fill of a database: `house()` first, then `staff()`, `cases()` and `drafts()`."""

    def __init__(
        self, connection: asyncpg.Connection, size: Size, base: Base, sealer: KeyRing, seed: int = 20200208
    ) -> None:
        self._db = connection
        self._size = size
        self._base = base
        self._sealer = sealer
        self._ids = Ids(seed)
        self._random = random.Random(seed)  # noqa: S311 - repeatable rows, no secret
        self._began = base.now - SPAN
        self._units: list[tuple[UUID, tuple[UUID | None, ...], int]] = []
        self._batches: list[list[UUID]] = []
        self._open: list[UUID] = []
        self._uploads: list[tuple[UUID, UUID, UUID]] = []
        self._versions: list[UUID] = []
        self._cities: list[UUID] = []
        self.hot_batch = base.batch
        self.workers: list[Worker] = []
        #: (worker, case) of cases of busy workers, whose facts are on file.
        self.known: list[tuple[Worker, UUID]] = []
        #: (worker, case) that can be submitted, each once.
        self.ready: list[tuple[Worker, UUID]] = []
        self.hot: list[tuple[Worker, UUID]] = []

    @property
    def busy(self) -> list[Worker]:
        """The workers with BUSY_CASES cases each."""
        return self.workers[: self._size.applications // BUSY_EVERY // BUSY_CASES]

    async def fill(self) -> None:
        """All of it. Triggers and foreign keys sleep meanwhile: the rows are whole as they are made."""
        await self._db.execute("SET session_replication_role = replica")
        await self._unions()
        await self._programmes()
        await self._staff()
        await self._cases()
        self.ready = await self._drafts(self._size.drafts, self._open)
        self.hot = await self._drafts(self._size.hot, [self.hot_batch])
        await self._db.execute("SET session_replication_role = origin")
        await self._db.execute("SELECT setval('application_number', $1)", 2 * self._size.applications + 1_000_000)
        await self._db.execute("VACUUM (ANALYZE)")

    async def candidates(self, count: int, capacity: int) -> None:
        """So many cases that wait for a place in the hot batch, whose window has closed; quotas for every union."""
        await self._db.execute("SET session_replication_role = replica")
        await self._db.execute(
            "UPDATE batch SET capacity = $2, closes_at = now() - interval '1 hour' WHERE id = $1",
            self.hot_batch,
            capacity,
        )
        await self._db.execute(
            "INSERT INTO batch_quota (id, batch, trade_union, places)"
            " SELECT gen_random_uuid(), $1, id, $2 / count(*) OVER () FROM trade_union",
            self.hot_batch,
            capacity,
        )
        version = self._versions[0]
        made = []
        for number, worker in enumerate(self.workers[:count]):
            created = self._base.now - timedelta(days=1)
            row = (
                *(self._ids.at(created), f"RR-2026-C{number:07d}", "recuperation", version, worker.account, False),
                *("person", worker.person, worker.name, self.hot_batch, "under_review", "allocation", "chair"),
                *(self._cities[0], 1, "", None, self._random.randrange(90), 3, 3, None, 5, created, created, created),
                *(None, *worker.levels),
            )
            made.append(_Case(row, worker, number, self.hot_batch, created, _WAITING, False, False))
        await self._copy("application", _APPLICATION, (case.row for case in made))
        await self._rest(made)
        await self._copy("application_event", _EVENT, (row for case in made for row in self._events(case)))
        await self._db.execute(
            "UPDATE stay_request r SET quota_union = a.unit_id FROM application a"
            " WHERE a.id = r.application AND r.batch = $1",
            self.hot_batch,
        )
        await self._db.execute("SET session_replication_role = origin")
        await self._db.execute("VACUUM (ANALYZE)")

    async def _copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        await self._db.copy_records_to_table(table, records=rows, columns=columns)

    async def _unions(self) -> None:
        province = await self._db.fetchval("SELECT province_id FROM trade_union WHERE id = $1", self._base.city)
        top = await self._db.fetchval("SELECT national_id FROM trade_union WHERE id = $1", self._base.city)
        unions: list[tuple[Any, ...]] = []
        links: list[tuple[Any, ...]] = []

        def add(level: str, name: str, parent: UUID, line: Sequence[UUID | None]) -> UUID:
            made = self._ids.at(self._began)
            place = ("national", "province", "city", "county", "unit").index(level)
            levels = [*line[:place], made, *[None] * (4 - place)]
            unions.append((made, name, name, level, "trade_union", "370900", True, *levels))
            links.append((self._ids.at(self._began), made, parent, "primary", date(2020, 1, 1)))
            return made

        self._cities = [self._base.city]
        for number in range(1, CITIES):
            self._cities.append(add("city", f"示例{number}市总工会", province, (top, province)))
        counties = []
        for number in range(COUNTIES):
            which = number % CITIES
            line = (top, province, self._cities[which])
            counties.append((which, add("county", f"示例{number}县总工会", self._cities[which], line)))
        for number in range(UNITS):
            which, county = counties[number % COUNTIES]
            line4 = (top, province, self._cities[which], county)
            unit = add("unit", f"示例第{number}医院工会", county, line4)
            self._units.append((unit, (*line4, unit), which))
        await self._copy(
            "trade_union",
            ("id", "name", "short_name", "level", "kind", "area_code", "active", *LEVEL_COLUMNS),
            unions,
        )
        await self._copy("affiliation", ("id", "trade_union", "parent", "line", "from_on"), links)

    async def _programmes(self) -> None:
        """The programme and its batch, once more for each city; the last OPEN_BATCHES of a city take requests."""
        columns = {
            table: [
                row["column_name"]
                for row in await self._db.fetch(
                    "SELECT column_name FROM information_schema.columns"
                    " WHERE table_name = $1 AND table_schema = 'public' ORDER BY ordinal_position",
                    table,
                )
            ]
            for table in ("programme", "programme_version", "batch")
        }

        async def clone(table: str, source: UUID, **changes: Any) -> UUID:
            made = self._ids.at(self._began)
            changed = {"id": made, **changes}
            picks = [f"${2 + list(changed).index(name)}" if name in changed else name for name in columns[table]]
            await self._db.execute(
                f"INSERT INTO {table} ({', '.join(columns[table])})"
                f" SELECT {', '.join(picks)} FROM {table} WHERE id = $1",
                source,
                *changed.values(),
            )
            return made

        programme = await self._db.fetchval("SELECT programme FROM programme_version WHERE id = $1", self._base.version)
        for which, city in enumerate(self._cities):
            version = self._base.version
            if which:
                copied = await clone("programme", programme, organiser=city, code=f"TA-RR-{which}")
                version = await clone("programme_version", self._base.version, programme=copied)
            self._versions.append(version)
            self._batches.append(
                [
                    await clone(
                        "batch",
                        self._base.batch,
                        programme_version=version,
                        organiser=city,
                        state="open" if number >= BATCHES - OPEN_BATCHES else "completed",
                    )
                    for number in range(BATCHES)
                ]
            )
        self._open = self._batches[0][-OPEN_BATCHES:]

    async def _staff(self) -> None:
        began = self._began
        blank = self._sealer.seal("0", "bench")
        ids, rnd = self._ids, self._random
        surnames = "王李张刘陈杨赵黄周吴"
        for _ in range(self._size.staff):
            unit, levels, _ = self._units[rnd.randrange(len(self._units))]
            person = ids.at(began)
            name = f"{rnd.choice(surnames)}{chr(0x4E00 + rnd.randrange(2000))}(示例)"
            self.workers.append(Worker(ids.at(began), ids.at(began), person, name, unit, levels))
            self._uploads.append((ids.at(began), ids.at(began), ids.at(began)))
        born = [date(1970, 1, 1) + timedelta(days=rnd.randrange(9000)) for _ in self.workers]

        def digest(what: str, number: int) -> bytes:
            return hashlib.sha256(f"{what}{number}".encode()).digest()

        numbered = list(enumerate(self.workers))
        await self._copy(
            "person",
            ("id", "name", "sex", "born_on", "created_at"),
            ((w.person, w.name, "female", born[n], began) for n, w in numbered),
        )
        await self._copy(
            "person_identifier",
            ("id", "person", "type", "sealed", "digest", "masked"),
            ((ids.at(began), w.person, "resident_id", blank, digest("id", n), "3709****0000") for n, w in numbered),
        )
        await self._copy(
            "worker_account",
            ("id", "phone_sealed", "phone_digest", "phone_masked", "person", "created_at"),
            ((w.account, blank, digest("phone", n), "138****0000", w.person, began) for n, w in numbered),
        )
        await self._copy(
            "token_family",
            ("id", "account", "device", "created_at", "rotated_at"),
            ((w.family, w.account, "手机", self._base.now, self._base.now) for w in self.workers),
        )
        records = [ids.at(began) for _ in self.workers]
        await self._copy(
            "staff_record",
            (
                *("id", "person", "unit", *LEVEL_COLUMNS, "identifier_type", "identifier_sealed", "identifier_digest"),
                *("identifier_masked", "phone_sealed", "phone_digest", "phone_masked", "population", "job_category"),
                *("joined_unit_on", "certification", "source", "state", "reported_by", "verified_by", "verified_at"),
                *("created_at", "updated_at"),
            ),
            (
                (
                    *(records[n], w.person, w.unit, *w.levels, "resident_id", blank, digest("id", n), "3709****0000"),
                    *(blank, digest("phone", n), "138****0000", "frontline_medical", "nurse", date(2012, 7, 1)),
                    *("unit_certified", "unit", "verified", w.account, self._base.officer, began, began, began),
                )
                for n, w in numbered
            ),
        )
        await self._copy(
            "service_period",
            ("id", "record", "emergency", "place", "post", "dispatch", "from_on", "to_on"),
            (
                (ids.at(began), records[n], self._base.emergency, "本院", "护理", "none", date(2020, 2, 1), _until(n))
                for n, _ in numbered
            ),
        )
        await self._copy(
            "consent",
            ("id", "person", "purpose", "text_version", "given_by", "given_at"),
            (
                (ids.at(began), w.person, purpose, "2026-03", w.person, began)
                for w in self.workers
                for purpose in _CONSENTS
            ),
        )
        await self._copy(
            "upload",
            (
                *("id", "kind", "owner_person", "reserved_by", "state", "object_key", "reserved_at", "declared_type"),
                *("declared_size", "declared_sha256", "detected_type", "pages", "malware", "uploaded_at", "checked_at"),
            ),
            (
                (
                    *(upload, kind, w.person, w.account, "verified", upload.hex, began, "image/jpeg"),
                    *(200_000, blank[:32], "image/jpeg", 1, "clean", began, began),
                )
                for n, w in numbered
                for upload, (_, kind) in zip(self._uploads[n], _PAPERS, strict=True)
            ),
        )

    async def _cases(self) -> None:
        made = list(self._made_cases())
        await self._copy("application", _APPLICATION, (case.row for case in made))
        await self._rest(made)
        await self._copy("application_event", _EVENT, (row for case in made for row in self._events(case)))
        judged = [case for case in made if case.judged]
        await self._facts(judged)
        self.known = [(case.worker, case.row[0]) for case in judged if case.busy]

    async def _rest(self, made: list[_Case]) -> None:
        """What hangs on cases: their persons, requests and papers."""
        blank = self._sealer.seal("{}", "bench")
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
                for upload, (requirement, _) in zip(self._uploads[case.number], _PAPERS, strict=True)
                if requirement != "merit" or case.judged
            ),
        )

    def _made_cases(self) -> Iterator[_Case]:
        """Busy workers get every BUSY_EVERY-th case, one after the other; nobody has two in one batch."""
        busy = max(1, len(self.busy))
        step = SPAN / self._size.applications
        have: dict[int, int] = {}
        for count in range(self._size.applications):
            is_busy = count % BUSY_EVERY == 0
            number = count // BUSY_EVERY % busy if is_busy else self._random.randrange(busy, len(self.workers))
            mine = have[number] = have.get(number, -1) + 1
            yield self._case(number, mine, self._began + step * count, count, is_busy=is_busy)

    def _case(self, number: int, mine: int, created: datetime, count: int, *, is_busy: bool) -> _Case:
        worker = self.workers[number]
        which = self._cities.index(next(level for level in worker.levels[2:3] if level))
        path = self._random.choices(_PATHS, _WEIGHTS)[0]
        last = path.steps[-1]
        acting = {"unit": worker.unit, "city": self._cities[which], "": None}[path.acting]
        entered = created + timedelta(minutes=len(path.steps))
        batch = self._batches[which][(number * 7 + mine) % (BATCHES - OPEN_BATCHES)]
        row = (
            *(self._ids.at(created), f"RR-2025-{count:07d}", "recuperation", self._versions[which], worker.account),
            *(False, "person", worker.person, worker.name, batch, last[3], last[2], path.awaiting, acting, 1),
            *(path.placement, None, 60, 3, 3, None, len(path.steps) + 1, created, created, entered),
            *(entered if last[2] == "" else None, *worker.levels),
        )
        return _Case(row, worker, number, batch, created, path, is_busy, is_busy or path.awaiting != "")

    def _events(self, case: _Case) -> Iterator[tuple[Any, ...]]:
        previous, before = b"", ("filing", "draft")
        application = case.row[0]
        for seq, (role, action, stage, state) in enumerate(case.path.steps, start=1):
            at = case.created + timedelta(minutes=seq)
            by_worker = role == "worker"
            actor = case.worker.account if by_worker else self._base.officer
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

    async def _facts(self, judged: list[_Case]) -> None:
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
            keys.append((application, self._sealer.seal(base64.b64encode(key).decode(), "case_key")))
            own = KeyRing({"case": key}, "case", key)
            sealed.append((self._ids.at(case.created), application, 1, own.seal(facts, f"facts:{application}:1")))
        await self._copy("case_key", ("application", "sealed"), keys)
        await self._copy("application_facts", ("id", "application", "seq", "sealed"), sealed)

    async def _drafts(self, count: int, batches: Sequence[UUID]) -> list[tuple[Worker, UUID]]:
        """Drafts of workers of the first city, whole, so that they can be sent: a worker has one in each batch."""
        city = self._cities[0]
        own = [n for n, worker in enumerate(self.workers) if worker.levels[2] == city]
        own = own[: -(-count // len(batches))]
        made = []
        for place in range(count):
            number = own[place % len(own)]
            worker, batch = self.workers[number], batches[(number + place // len(own)) % len(batches)]
            if place >= len(own) * len(batches):
                raise ValueError("too few workers for so many drafts")
            created = self._base.now - timedelta(hours=1)
            row = (
                *(self._ids.at(created), f"RR-2026-{batch.hex[-4:]}{place:07d}", "recuperation", self._versions[0]),
                *(worker.account, False, "person", worker.person, worker.name, batch, "draft", "filing", "worker"),
                *(None, 1, "", None, 0, 3, 3, None, 1, created, None, created, None, *worker.levels),
            )
            made.append(_Case(row, worker, number, batch, created, _DRAFT, False, True))
        await self._copy("application", _APPLICATION, (case.row for case in made))
        await self._rest(made)
        return [(case.worker, case.row[0]) for case in made]


@dataclass(frozen=True, slots=True)
class _Path:
    """What happened to a case: (role, action, stage and state afterwards) each, and whom it waits for since."""

    steps: tuple[tuple[str, str, str, str], ...]
    awaiting: str = ""
    acting: str = ""
    placement: str = ""


@dataclass(frozen=True, slots=True)
class _Case:
    """One case as it goes into the tables; `number` is its worker's, `judged` whether its facts are on file."""

    row: tuple[Any, ...]
    worker: Worker
    number: int
    batch: UUID
    created: datetime
    path: _Path
    busy: bool
    judged: bool

    @property
    def live(self) -> bool:
        """Whether it keeps its worker from another request in the batch."""
        return self.path.awaiting != "" or self.path is _COMPLETED


_SENT = ("worker", "submit", "unit", "submitted")
_SEEN = ("unit_officer", "approve", "papers", "under_review")
_VERIFIED = ("hr_verifier", "approve", "committee", "under_review")
_JUDGED = ("chair", "decide", "allocation", "under_review")
_DRAFT = _Path(())
_COMPLETED = _Path(
    (
        *(_SENT, _SEEN, _VERIFIED, _JUDGED),
        ("chair", "place", "notice", "approved"),
        ("chair", "publish", "notice", "on_notice"),
        ("system", "conclude", "confirmation", "approved"),
        ("worker", "confirm", "confirmation", "confirmed"),
        ("chair", "complete", "", "completed"),
    ),
    placement="main",
)
_WAITING = _Path((_SENT, _SEEN, _VERIFIED, _JUDGED), "chair", "city")
_PATHS = (
    _Path((_SENT,), "unit_officer", "unit"),
    _Path((_SENT, _SEEN), "hr_verifier", "city"),
    _Path((_SENT, _SEEN, _VERIFIED), "reviewer", "city"),
    _COMPLETED,
    _Path((_SENT, ("unit_officer", "reject", "", "rejected"))),
    _Path((_SENT, ("worker", "withdraw", "", "withdrawn"))),
    _Path((_SENT, _SEEN, _VERIFIED, _JUDGED, ("system", "lapse", "", "lapsed"))),
)
_WEIGHTS = (2, 2, 2, 14, 35, 25, 20)
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


def _until(number: int) -> date:
    """The last day at the front of one worker: thirty days or some more."""
    return date(2020, 3, 1) + timedelta(days=number % 20)


def now() -> datetime:
    """The instant from which a fill counts back, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
