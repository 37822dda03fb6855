"""The invented workers of a demonstration: reported by their units, with phones that log in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from uuid import UUID

from stdnum.cn import ric

from backend.accounts.consents import CONSENT_TEXTS, VERSION
from backend.accounts.phones import StoredPhone
from backend.accounts.tables import WorkerAccount
from backend.clock import security_now
from backend.composition import Services
from backend.database import execute, fetch_value, new_id
from backend.identity import Actor
from backend.people.identifiers import IdentifierType
from backend.people.relations import RelationKind
from backend.registry.facts import HonourInput, IdentifierInput, RecordInput, ServiceInput
from backend.registry.family.facts import MemberInput
from backend.registry.kinds import Certification, Dispatch, HonourLevel, JobCategory, Population


def resident_id(born_on: date, serial: int) -> str:
    """An invented resident ID on the unassigned area 370999, with a valid check character."""
    body = f"370999{born_on:%Y%m%d}{serial:03d}"
    return body + ric.calc_check_digit(body + "0")


class Front(NamedTuple):
    """A period at the front."""

    place: str
    dispatch: Dispatch
    from_on: date
    to_on: date


class Kin(NamedTuple):
    """A relative; `certificate` is the number of a birth certificate where there is no resident ID yet."""

    kind: RelationKind
    name: str
    born_on: date
    serial: int
    from_on: date | None = None
    certificate: str = ""

    def declared(self) -> MemberInput:
        """The relative as the worker's phone declares them."""
        number = IdentifierInput(IdentifierType.RESIDENT_ID, resident_id(self.born_on, self.serial))
        if self.certificate:
            sex = "male" if self.serial % 2 else "female"
            number = IdentifierInput(IdentifierType.BIRTH_CERTIFICATE, self.certificate, self.born_on, sex)
        return MemberInput(name=self.name, identifier=number, kind=self.kind, from_on=self.from_on)


@dataclass(frozen=True, slots=True)
class DemoWorker:
    """One invented worker; `unit` names a union of the invented tree."""

    name: str
    unit: str
    born_on: date
    serial: int
    phone: str
    department: str
    job: JobCategory
    joined_on: date
    fronts: tuple[Front, ...]
    honour: tuple[str, HonourLevel] | None = None
    population: Population = Population.FRONTLINE_MEDICAL
    family: tuple[Kin, ...] = ()

    def entered(self, unit: UUID, emergency: UUID) -> RecordInput:
        """The record as an officer enters it."""
        return RecordInput(
            name=self.name,
            identifier=IdentifierInput(IdentifierType.RESIDENT_ID, resident_id(self.born_on, self.serial)),
            unit_id=unit,
            department=self.department,
            population=self.population,
            job_category=self.job,
            joined_unit_on=self.joined_on,
            certification=Certification.COMMISSION_LIST,
            list_version="第3版",
            services=tuple(
                ServiceInput(emergency, front.place, self.department, front.dispatch, front.from_on, front.to_on)
                for front in self.fronts
            ),
            honours=(HonourInput(self.honour[0], self.honour[1], date(2020, 9, 8)),) if self.honour else (),
        )


_HUBEI = Front("湖北省黄冈市大别山区域医疗中心", Dispatch.OTHER_PROVINCE, date(2020, 2, 9), date(2020, 3, 22))
_FEVER = Front("本院发热门诊", Dispatch.NONE, date(2020, 1, 28), date(2020, 3, 10))
#: Two sisters share their mother.
_MOTHER = Kin(RelationKind.PARENT, "王秀兰", date(1964, 3, 8), 314)

_AIRPORT = Front("济南国际机场", Dispatch.IN_PROVINCE, date(2020, 3, 5), date(2020, 4, 20))

WORKERS = (
    DemoWorker(
        "古丽·买买提",
        "daizong",
        date(1988, 5, 12),
        21,
        "13800370001",
        "重症医学科",
        JobCategory.NURSE,
        date(2012, 7, 1),
        (_HUBEI,),
        ("全省抗疫先进个人", HonourLevel.PROVINCE),
        family=(
            Kin(RelationKind.SPOUSE, "买买提·艾力", date(1986, 9, 3), 501, date(2014, 10, 1)),
            Kin(RelationKind.CHILD, "艾力·买买提", date(2018, 6, 1), 603),
            Kin(RelationKind.CHILD, "阿依古丽·买买提", date(2024, 5, 20), 2, certificate="X370010203"),
        ),
    ),
    DemoWorker(
        "陈秋实",
        "daizong",
        date(1979, 11, 3),
        33,
        "13800370002",
        "呼吸科",
        JobCategory.DOCTOR,
        date(2005, 8, 1),
        (_HUBEI,),
    ),
    DemoWorker(
        "林晚晴",
        "dailu",
        date(1991, 2, 20),
        42,
        "13800370003",
        "急诊科",
        JobCategory.NURSE,
        date(2015, 3, 1),
        (_FEVER,),
        ("泰山区优秀护士", HonourLevel.COUNTY),
        family=(_MOTHER, Kin(RelationKind.SIBLING, "宋雨桐", date(1996, 9, 9), 82)),
    ),
    DemoWorker(
        "𠮷玉山",
        "dailu",
        date(1975, 8, 8),
        57,
        "13800370004",
        "检验科",
        JobCategory.LABORATORY,
        date(1999, 7, 1),
        (_AIRPORT,),
    ),
    DemoWorker(
        "高远航",
        "pingyang",
        date(1986, 4, 30),
        61,
        "13800370005",
        "院感科",
        JobCategory.INFECTION_CONTROL,
        date(2011, 9, 1),
        (_FEVER,),
    ),
    DemoWorker(
        "孟冬梅",
        "pingyang",
        date(1990, 12, 12),
        64,
        "13800370006",
        "影像科",
        JobCategory.IMAGING,
        date(2016, 1, 4),
        (_AIRPORT,),
        ("新泰市先进工作者", HonourLevel.COUNTY),
    ),
    DemoWorker(
        "石大海",
        "daizong",
        date(1983, 6, 1),
        75,
        "13800370007",
        "急救中心",
        JobCategory.AMBULANCE_DRIVER,
        date(2010, 5, 1),
        (_FEVER,),
        family=(Kin(RelationKind.SPOUSE, "孟冬梅", date(1990, 12, 12), 64, date(2017, 5, 20)),),
    ),
    DemoWorker(
        "宋雨桐",
        "daizong",
        date(1996, 9, 9),
        82,
        "13800370008",
        "重症医学科",
        JobCategory.NURSE,
        date(2025, 2, 1),
        (),
        family=(_MOTHER,),
    ),
)


async def seed_worker(services: Services, officer: Actor, unit: UUID, emergency: UUID, worker: DemoWorker) -> Actor:
    """Have the unit's officer report a worker, and let the worker's phone log in; the worker's actor."""
    made = await services.registry.report(officer, worker.entered(unit, emergency), worker.phone)
    person = await fetch_value("SELECT person FROM staff_record WHERE id = $1", made.id)
    phone = StoredPhone.of(worker.phone, services.sealer)
    account = WorkerAccount(
        id=new_id(),
        phone_sealed=phone.sealed,
        phone_digest=phone.digest,
        phone_masked=phone.masked,
        person=person,
        created_at=security_now(),
    )
    await WorkerAccount.insert(account)
    actor = Actor(UUID(str(account.id)), worker.name, person_id=person, employer_id=unit, origin="phone")
    for text in CONSENT_TEXTS[:3]:
        await services.consents.give(actor, text.purpose, VERSION)
    for kin in worker.family:
        await services.family.declare(actor, kin.declared())
    return actor


async def note_earlier_stay(person: UUID) -> None:
    """A rest that one of them took before this system."""
    await execute(
        "INSERT INTO stay (id, person, area_code, starts_on, ends_on) VALUES ($1, $2, '370212', $3, $4)",
        new_id(),
        person,
        date(2024, 6, 3),
        date(2024, 6, 9),
    )
