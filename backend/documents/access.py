"""Who may know of a paper, in which capacity, and the record of who reached for one in vain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from backend.audit.log import record_apart
from backend.columns import LEVEL_COLUMNS
from backend.database import fetch_one
from backend.documents.kinds import PaperState
from backend.errors import Forbidden, NotFound
from backend.identity import Actor, Role
from backend.unions.scope import in_scope

#: Roles that see the papers of the workers of their unions, whether or not a case asks for them.
FILE_ROLES = (Role.UNIT_OFFICER, Role.HR_VERIFIER)

#: Roles that see a paper because a case that has been submitted carries it.
CASE_ROLES = (Role.UNIT_OFFICER, Role.HR_VERIFIER, Role.REVIEWER, Role.CHAIR, Role.AUDITOR)


@dataclass(frozen=True, slots=True)
class Paper:
    """One upload as its row says; `sha256` is what the sender declared and, once checked, what was found."""

    id: UUID
    kind: str
    state: PaperState
    version: int
    owner_person: UUID | None
    reserved_by: UUID
    sha256: bytes
    size: int
    declared_type: str
    detected_type: str
    name_sealed: bytes
    object_key: str
    store_upload: str
    rendition_key: str | None
    shared_type: str
    pages: int
    malware: str
    refusal_code: str
    reserved_at: datetime
    expires_on: date | None


@dataclass(frozen=True, slots=True)
class Seen:
    """A paper together with what brings the actor to it."""

    paper: Paper
    verifies: bool


_PAPER = (
    "u.id, u.kind, u.state, u.version, u.owner_person, u.reserved_by, u.declared_sha256 AS sha256,"
    " u.declared_size AS size, u.declared_type, u.detected_type, u.name_sealed, u.object_key, u.store_upload,"
    " u.rendition_key, u.shared_type, u.pages, u.malware, u.refusal_code, u.reserved_at, u.expires_on"
)
#: The line of unions that a paper stands on: its owner's, or that of the case that owns it.
_LEVELS = ", ".join(f"coalesce(r.{column}, o.{column}) AS {column}" for column in LEVEL_COLUMNS)
_CASE_IN_SCOPE = (
    "EXISTS (SELECT FROM application_document d JOIN application a ON a.id = d.application WHERE d.upload = u.id"
    " AND (a.submitted_at IS NOT NULL OR a.filed_by_officer) AND ("
    + " OR ".join(f"a.{column} = ANY($2)" for column in (*LEVEL_COLUMNS, "acting_union"))
    + "))"
)


async def load(upload_id: UUID, *, lock: bool = False) -> Paper:
    """The upload, with its row locked if asked; raises NotFound. No right is checked here."""
    row = await fetch_one(
        f"SELECT {_PAPER} FROM upload u WHERE u.id = $1{' FOR NO KEY UPDATE' if lock else ''}", upload_id
    )
    if row is None:
        raise NotFound()
    return Paper(**{**row, "state": PaperState(row["state"])})


async def see(actor: Actor, upload_id: UUID, *, lock: bool = False) -> Seen:
    """The paper as this actor comes to it.

    It is the actor's own; or a role for the files of its owner's unit reaches it; or a submitted case that carries it
    lies in the scope of a role that reads cases. For anybody else it does not exist: raises NotFound.
    """
    row = await fetch_one(
        f"SELECT {_PAPER}, {_LEVELS}, {_CASE_IN_SCOPE} AS by_case"
        f" FROM upload u LEFT JOIN staff_record r ON r.person = u.owner_person"
        f" LEFT JOIN application o ON o.id = u.owner_application WHERE u.id = $1"
        f"{' FOR NO KEY UPDATE OF u' if lock else ''}",
        upload_id,
        [binding.union_id for binding in actor.unions_as(*CASE_ROLES)],
    )
    if row is None:
        raise NotFound()
    fields = {name: row[name] for name in Paper.__dataclass_fields__}
    paper = Paper(**{**fields, "state": PaperState(row["state"])})
    own = Role.WORKER in actor.roles and actor.person_id is not None and actor.person_id == paper.owner_person
    if not (own or row["by_case"] or in_scope(actor, FILE_ROLES, row)):
        raise NotFound()
    return Seen(paper, in_scope(actor, [Role.HR_VERIFIER], row))


@asynccontextmanager
async def refusals_recorded(actor: Actor, act: str, upload_id: UUID) -> AsyncIterator[None]:
    """Put on record who reached for a paper that is not theirs to see or to judge."""
    try:
        yield
    except (NotFound, Forbidden) as error:
        await record_apart(actor, act, "refused", object_kind="upload", object_id=upload_id, reason=error.code)
        raise
