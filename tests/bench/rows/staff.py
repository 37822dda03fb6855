"""The staff of the units: persons, accounts, devices, records, consents and papers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from backend.columns import LEVEL_COLUMNS
from tests.bench.rows.ground import Ground
from tests.bench.rows.places import Unit

#: (requirement, kind) of the papers that a case may ask for.
PAPERS = (("identity", "resident_id"), ("work", "work_permit"), ("merit", "merit_statement"))
_CONSENTS = ("personal_data", "sensitive_data", "share_with_sanatorium")


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as the bench logs in: account, device family, person."""

    account: UUID
    family: UUID
    person: UUID
    name: str
    unit: UUID
    levels: tuple[UUID | None, ...]


@dataclass(frozen=True, slots=True)
class Staff:
    """The workers, and the uploads of each by PAPERS."""

    workers: list[Worker]
    uploads: list[tuple[UUID, UUID, UUID]]


async def lay_staff(ground: Ground, units: Sequence[Unit]) -> Staff:
    """Everybody on the staff of these units, with a verified record, every consent and checked papers."""
    began = ground.began
    blank = ground.sealer.seal("0", "bench")
    ids, rnd = ground.ids, ground.random
    workers: list[Worker] = []
    uploads: list[tuple[UUID, UUID, UUID]] = []
    surnames = "王李张刘陈杨赵黄周吴"
    for _ in range(ground.size.staff):
        unit = units[rnd.randrange(len(units))]
        person = ids.at(began)
        name = f"{rnd.choice(surnames)}{chr(0x4E00 + rnd.randrange(2000))}(示例)"
        workers.append(Worker(ids.at(began), ids.at(began), person, name, unit.id, unit.levels))
        uploads.append((ids.at(began), ids.at(began), ids.at(began)))
    born = [date(1970, 1, 1) + timedelta(days=rnd.randrange(9000)) for _ in workers]

    def digest(what: str, number: int) -> bytes:
        return hashlib.sha256(f"{what}{number}".encode()).digest()

    numbered = list(enumerate(workers))
    await ground.copy(
        "person",
        ("id", "name", "sex", "born_on", "created_at"),
        ((w.person, w.name, "female", born[n], began) for n, w in numbered),
    )
    await ground.copy(
        "person_identifier",
        ("id", "person", "type", "sealed", "digest", "masked"),
        ((ids.at(began), w.person, "resident_id", blank, digest("id", n), "3709****0000") for n, w in numbered),
    )
    await ground.copy(
        "worker_account",
        ("id", "phone_sealed", "phone_digest", "phone_masked", "person", "created_at"),
        ((w.account, blank, digest("phone", n), "138****0000", w.person, began) for n, w in numbered),
    )
    await ground.copy(
        "token_family",
        ("id", "account", "device", "created_at", "rotated_at"),
        ((w.family, w.account, "手机", ground.base.now, ground.base.now) for w in workers),
    )
    records = [ids.at(began) for _ in workers]
    await ground.copy(
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
                *("unit_certified", "unit", "verified", w.account, ground.base.officer, began, began, began),
            )
            for n, w in numbered
        ),
    )
    await ground.copy(
        "service_period",
        ("id", "record", "emergency", "place", "post", "dispatch", "from_on", "to_on"),
        (
            (ids.at(began), records[n], ground.base.emergency, "本院", "护理", "none", date(2020, 2, 1), _until(n))
            for n, _ in numbered
        ),
    )
    await ground.copy(
        "consent",
        ("id", "person", "purpose", "text_version", "given_by", "given_at"),
        ((ids.at(began), w.person, purpose, "2026-03", w.person, began) for w in workers for purpose in _CONSENTS),
    )
    await ground.copy(
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
            for upload, (_, kind) in zip(uploads[n], PAPERS, strict=True)
        ),
    )
    return Staff(workers, uploads)


def _until(number: int) -> date:
    """The last day at the front of one worker: thirty days or some more."""
    return date(2020, 3, 1) + timedelta(days=number % 20)
