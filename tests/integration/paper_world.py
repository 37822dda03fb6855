"""People, papers and files for the tests of papers; every person is invented."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

import httpx
import pikepdf
from PIL import Image

from backend.accounts.phones import PHONE_PURPOSE
from backend.accounts.tables import WorkerAccount
from backend.database import execute, fetch_value, new_id, transaction
from backend.documents.checking import Checking
from backend.documents.inspection.inspector import Inspector
from backend.documents.inspection.scanner import NoScanner
from backend.documents.kinds import MediaType, PaperKind, PaperState
from backend.documents.service import Documents
from backend.documents.verdicts import Verdicts
from backend.documents.viewing import Viewing
from backend.identity import Actor, Binding, Level, Role
from backend.notifications.service import Notifications
from backend.operations.embedded_postgres import OWNER
from backend.people.tables import Person
from backend.registry.tables import StaffRecord
from backend.sealing import KeyRing
from backend.unions.tables import TradeUnion
from storage.port import DocumentStore, UploadForm
from tests.services import logged_in_as

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
SEALER = KeyRing({"a": bytes(32)}, "a", bytes(32))


class SetClock:
    """Business time as the test sets it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.instant = now

    async def now(self) -> datetime:
        return self.instant

    async def today(self) -> date:
        return self.instant.date()


@dataclass(frozen=True)
class World:
    """Two hospitals below one city; a nurse and an HR verifier at the first, strangers at the second."""

    clock: SetClock
    documents: Documents
    verdicts: Verdicts
    viewing: Viewing
    checking: Checking
    city: UUID
    hospital: UUID
    nurse: Actor
    stranger: Actor
    verifier: Actor
    officer: Actor
    other_verifier: Actor

    async def send(
        self,
        content: bytes,
        media_type: MediaType = MediaType.JPEG,
        *,
        kind: PaperKind = PaperKind.WORK_PERMIT,
        name: str = "工作证.jpg",
    ) -> UUID:
        """Reserve and upload as the nurse's phone does; not yet completed."""
        reservation = await self.documents.reserve(
            self.nurse, kind, name, len(content), hashlib.sha256(content).digest(), media_type
        )
        assert reservation.form is not None
        answer = await post(reservation.form, content)
        assert answer.status_code in (200, 201, 204), answer.text
        return reservation.upload_id

    async def checked(self, content: bytes | None = None, *, kind: PaperKind = PaperKind.WORK_PERMIT) -> UUID:
        """A paper of the nurse's that waits for a verdict."""
        upload = await self.send(content if content is not None else jpeg(), kind=kind)
        await self.documents.complete(self.nurse, upload)
        await self.checking.check(upload)
        assert await state(upload) is PaperState.CHECKED
        return upload


async def make_world(store: DocumentStore) -> World:
    """The world above, in an empty database and this store."""
    clock = SetClock()
    documents = Documents(clock, SEALER, store, Notifications(clock))
    city, hospital, elsewhere = new_id(), new_id(), new_id()
    for union, level, name in (
        (city, Level.CITY, "泰安市总工会(示例)"),
        (hospital, Level.UNIT, "岱宗中心医院工会(示例)"),
        (elsewhere, Level.UNIT, "宁阳汶河医院工会(示例)"),
    ):
        unit = None if level is Level.CITY else union
        async with logged_in_as(OWNER):
            await TradeUnion.insert(
                TradeUnion(id=union, name=name, level=level, kind="hospital", city_id=city, unit_id=unit)
            )
    return World(
        clock,
        documents,
        Verdicts(documents),
        Viewing(clock, store),
        Checking(documents, Inspector(NoScanner())),
        city,
        hospital,
        await _worker("秦岚", "13800000001", city, hospital),
        await _worker("卫川", "13800000002", city, elsewhere),
        await console("陆核", Role.HR_VERIFIER, hospital, Level.UNIT),
        await console("程办", Role.UNIT_OFFICER, hospital, Level.UNIT),
        await console("施核", Role.HR_VERIFIER, elsewhere, Level.UNIT),
    )


async def console(name: str, role: Role, union: UUID, level: Level) -> Actor:
    """A console account's actor with a person behind it."""
    person = Person(id=new_id(), name=name, created_at=NOW)
    await Person.insert(person)
    return Actor(new_id(), name, person.id, union, (Binding(role, union, level),))


async def _worker(name: str, phone: str, city: UUID, unit: UUID) -> Actor:
    person, account = Person(id=new_id(), name=name, created_at=NOW), new_id()
    await Person.insert(person)
    sealed, digest = SEALER.seal(phone, PHONE_PURPOSE), SEALER.digest(phone, PHONE_PURPOSE)
    await WorkerAccount.insert(
        WorkerAccount(
            id=account,
            phone_sealed=sealed,
            phone_digest=digest,
            phone_masked="138****",
            person=person.id,
            created_at=NOW,
        )
    )
    await StaffRecord.insert(
        StaffRecord(
            person=person.id,
            unit=unit,
            city_id=city,
            unit_id=unit,
            phone_sealed=sealed,
            phone_digest=digest,
            population="frontline_medical",
            joined_unit_on=date(2015, 1, 1),
            certification="unit_certified",
            source="worker",
            state="verified",
            reported_by=account,
            created_at=NOW,
            updated_at=NOW,
        )
    )
    return Actor(account, name, person.id, unit, origin="phone")


async def state(upload: UUID) -> PaperState:
    """The state of an upload as the database has it."""
    return PaperState(await fetch_value("SELECT state FROM upload WHERE id = $1", upload))


async def version(upload: UUID) -> int:
    """The version of an upload as the database has it."""
    found: int = await fetch_value("SELECT version FROM upload WHERE id = $1", upload)
    return found


async def digest(upload: UUID) -> bytes:
    """The digest that a verifier sees of an upload."""
    found: bytes = await fetch_value("SELECT declared_sha256 FROM upload WHERE id = $1", upload)
    return found


async def jobs(entrypoint: str) -> int:
    """How many jobs of a kind wait."""
    count: int = await fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = $1", entrypoint)
    return count


async def attach(world: World, upload: UUID, number: str = "LX-2026-000001", kind: str = "recuperation") -> UUID:
    """A draft of the nurse's that carries the paper; its id."""
    programme, edition, case = new_id(), new_id(), new_id()
    now, author = world.clock.instant, new_id()
    async with logged_in_as(OWNER):
        await execute(
            "INSERT INTO programme (id, kind, organiser, code) VALUES ($1, $3, $2, $4)",
            programme,
            world.city,
            kind,
            number,
        )
        await execute(
            "INSERT INTO programme_version (id, programme, number, state, drafted_by)"
            " VALUES ($1, $2, 1, 'drafted', $3)",
            edition,
            programme,
            author,
        )
    await execute(
        "INSERT INTO application (id, number, kind, programme_version, submitted_by, subject_kind, subject_person,"
        " state, city_id, unit_id, created_at, entered_at)"
        " VALUES ($1, $8, $9, $2, $3, 'person', $4, 'draft', $5, $6, $7, $7)",
        case,
        edition,
        world.nurse.account_id,
        world.nurse.person_id,
        world.city,
        world.hospital,
        now,
        number,
        kind,
    )
    await carry(world, case, upload)
    return case


async def carry(world: World, case: UUID, upload: UUID) -> None:
    """Have a case carry one paper more."""
    await execute(
        "INSERT INTO application_document (id, application, requirement, upload, attached_at)"
        " VALUES ($1, $2, 'work', $3, $4)",
        new_id(),
        case,
        upload,
        world.clock.instant,
    )


async def end(world: World, case: UUID, state: str) -> None:
    """Have a case end in this state now, as the database shows it afterwards."""
    await execute(
        "UPDATE application SET state = $2, stage = '', submitted_at = $3, decided_at = $3 WHERE id = $1",
        case,
        state,
        world.clock.instant,
    )


async def make_relatives(one: UUID, other: UUID) -> None:
    """Put a relation on file."""
    async with transaction():
        await execute(
            "INSERT INTO relation (id, person, relative, kind) VALUES ($1, $2, $3, 'sibling')", new_id(), one, other
        )


async def post(form: UploadForm, content: bytes) -> httpx.Response:
    """Send a file to the store as the phone does."""
    async with httpx.AsyncClient() as client:
        return await client.post(form.url, data=dict(form.fields), files={"file": ("paper", content)})


def jpeg(colour: str = "white", size: tuple[int, int] = (640, 480)) -> bytes:
    """A photograph of nothing."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


def pdf(*, javascript: bool = False) -> bytes:
    """A PDF of one empty page, on demand with a script that runs when it is opened."""
    document = pikepdf.new()
    document.add_blank_page(page_size=(300, 200))
    if javascript:
        document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)"))
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()
