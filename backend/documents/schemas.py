"""What the routes of papers take and give."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from backend.documents.kinds import PaperKind, PaperState

Text500 = Annotated[str, Meta(max_length=500)]


class PaperIn(Struct, forbid_unknown_fields=True):
    """A file that the phone is about to send."""

    kind: PaperKind
    name: Annotated[str, Meta(max_length=500, description="The file's name, kept encrypted.", examples=["工作证.jpg"])]
    size: Annotated[int, Meta(ge=0, le=2**53, description="Bytes, at most 20 971 520.", examples=[348160])]
    sha256: Annotated[
        str,
        Meta(
            pattern=r"^[0-9a-f]{64}$",
            description="SHA-256 of the file, hexadecimal.",
            examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
        ),
    ]
    media_type: Annotated[
        str,
        Meta(
            max_length=100,
            description="application/pdf, image/jpeg, image/png or image/heic.",
            examples=["image/jpeg"],
        ),
    ]


class FormOut(Struct, kw_only=True):
    """A form for the store: POST `fields` in their order as multipart/form-data, then the file as the field `file`."""

    url: Annotated[str, Meta(examples=["https://files.example.cn/niangjia-quarantine"])]
    fields: dict[str, str]
    expires_at: datetime


class ReservationOut(Struct, kw_only=True):
    """A place for one file; `form` is null once the file was completed."""

    id: UUID
    state: PaperState
    form: FormOut | None


class PartOut(Struct, kw_only=True):
    """One part: PUT bytes [offset, offset + size) to `url`, which is null once the part has arrived."""

    part_number: Annotated[int, Meta(examples=[1])]
    offset: Annotated[int, Meta(description="Bytes.", examples=[0])]
    size: Annotated[int, Meta(description="Bytes.", examples=[5242880])]
    url: str | None


class PartsOut(Struct, kw_only=True):
    """The parts of a large file; send those with a `url`, then complete."""

    pieces: list[PartOut]
    expires_at: datetime


class PaperOut(Struct, kw_only=True):
    """One of the worker's papers.

    `state_label` and `problem` are for people: the latter says why a file was refused or a paper rejected, else empty.
    `malware` is what a scanner said: clean, found or not_scanned.
    """

    id: UUID
    kind: PaperKind
    kind_label: Annotated[str, Meta(examples=["工作证"])]
    state: PaperState
    state_label: Annotated[str, Meta(examples=["等待核验"])]
    name: Annotated[str, Meta(examples=["工作证.jpg"])]
    size: Annotated[int, Meta(description="Bytes.", examples=[348160])]
    sha256: Annotated[str, Meta(description="Hexadecimal.")]
    media_type: str
    pages: Annotated[int, Meta(examples=[1])]
    malware: str
    problem: str
    comment: str
    reserved_at: datetime
    uploaded_at: datetime | None
    checked_at: datetime | None
    expires_on: date | None
    version: Annotated[int, Meta(examples=[3])]


class ErasureIn(Struct, forbid_unknown_fields=True):
    """A request to erase one's own papers; nobody needs a reason."""

    reason: Text500 = ""


class KeptOut(Struct, kw_only=True):
    """A paper that was not erased: `why` is for people, `clause` the rule, `kept_until` null while a case is open."""

    upload_id: UUID
    kind: PaperKind
    kind_label: str
    why: str
    clause: str
    kept_until: date | None


class ErasureOut(Struct, kw_only=True):
    """The answer: how many papers were erased, and each that was kept."""

    id: UUID
    asked_at: datetime
    reason: str
    erased: Annotated[int, Meta(examples=[2])]
    kept: list[KeptOut]
