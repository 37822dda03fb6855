"""Papers taken in at the union's counter: an officer sends a file through the console, a worker's or a case's."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePath
from uuid import UUID

from backend.database import fetch
from backend.documents.access import FILE_ROLES, load
from backend.documents.kinds import MediaType, PaperKind, PaperState
from backend.documents.queries import PaperEntry, one
from backend.documents.service import Documents, Owner, store_errors
from backend.errors import Unavailable
from backend.identity import Actor
from backend.sealing import Sealer
from backend.unions.scope import scope_sql
from storage.keys import Bucket
from storage.port import ObjectExists

_BY_SUFFIX = {
    ".pdf": MediaType.PDF,
    ".jpg": MediaType.JPEG,
    ".jpeg": MediaType.JPEG,
    ".png": MediaType.PNG,
    ".heic": MediaType.HEIC,
}


async def announce(
    documents: Documents, actor: Actor, owner: Owner, kind: PaperKind, name: str, content: bytes
) -> UUID:
    """Make place for a file that was handed in; the upload's id. It may stand in the transaction of a form's token.

    For a person the actor must be an officer who reaches them; for a case who calls has asked. The type is told by the
    name and proven by the check. Raises as `Documents.reserve_for`.
    """
    media_type = _BY_SUFFIX.get(PurePath(name).suffix.lower(), "")
    described = (kind, name, len(content), hashlib.sha256(content).digest(), media_type)
    if owner.person is not None:
        return (await documents.reserve_for(actor, owner.person, *described)).upload_id
    assert owner.application is not None
    return (await documents.reserve_for_case(actor, owner.application, *described)).upload_id


async def was_given_up(upload: UUID) -> bool:
    """Whether the place that was made for a file ended without it."""
    paper = await load(upload)
    return paper.state is PaperState.EXPIRED and paper.rendition_key is None


async def take_in(documents: Documents, actor: Actor, upload: UUID, content: bytes) -> None:
    """Put the file that was announced into quarantine and have it checked, as if a phone had sent it; twice is once.

    No transaction may be open: the store is called. Raises as `Documents.complete`; where the store does not take the
    file, its place is given up, for nobody else can send it.
    """
    paper = await load(upload)
    try:
        if paper.state is PaperState.RESERVED:
            # Another tap on the same button may have put it there: the token stands for this very file.
            with store_errors(), suppress(ObjectExists):
                await documents.store.put(
                    Bucket.QUARANTINE, paper.object_key, content, content_type=paper.declared_type
                )
        await documents.complete(actor, upload)
    except Unavailable:
        await documents.give_up(upload)
        raise


async def papers_of(actor: Actor, person: UUID, kinds: Sequence[str], sealer: Sealer) -> list[PaperEntry]:
    """The usable papers of a worker in the scope of a role for files, of these kinds, newest first."""
    reached, unions = scope_sql(actor.unions_as(*FILE_ROLES), "r", 3)
    rows = await fetch(
        "SELECT u.id FROM upload u JOIN staff_record r ON r.person = u.owner_person"
        " WHERE u.owner_person = $1 AND u.kind = ANY($2) AND u.state IN ('uploaded', 'checked', 'verified')"
        f" AND {reached} ORDER BY u.id DESC LIMIT 50",
        person,
        list(kinds),
        *unions,
    )
    found = [await one(row["id"], sealer) for row in rows]
    return [entry for entry in found if entry is not None]
