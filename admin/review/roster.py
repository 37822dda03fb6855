"""A unit's roster at the desk: the template, the upload, the dry run that names each wrong cell, the acceptance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from admin.review.batches import XLSX
from admin.review.forms import Form, read_form
from admin.review.page import page, to
from backend.applications.desk import units_below
from backend.errors import DomainError, NotFound, RuleViolation, TooLarge
from backend.identity import Actor, Role
from backend.people.relations import RELATION_LABELS
from backend.registry.roster.lines import VERDICT_LABELS, Verdict
from backend.registry.roster.reading import FAMILY_SHEET, SIZE_LIMIT, STAFF_LIMIT, STAFF_SHEET
from backend.registry.roster.service import DryRun, Rosters
from backend.web.deadline import LONG
from backend.words import Text

#: A workbook and the fields around it; the ticks of a whole roster.
UPLOAD_BODY = SIZE_LIMIT + 64 * 1024
TICKS_BODY = 1024 * 1024

#: Rows that are shown of those that nobody can choose; the rest is counted.
ROWS_SHOWN = 1_000

STATES = {
    "dry_run": (Text("试算,待确认", "Dry run, to be accepted"), "warn"),
    "accepted": (Text("已确认写入", "Accepted"), "ok"),
    "discarded": (Text("已作废", "Discarded"), "soft"),
}
TONES = {Verdict.NEW: "info", Verdict.CHANGED: "warn", Verdict.SAME: "soft", Verdict.WRONG: "no"}

DONE = {
    "accept": Text("勾选的行已写入,档案视为由您核实。", "The chosen rows are written, verified by you."),
    "discard": Text("试算已作废,没有写入任何内容。", "The dry run is discarded; nothing was written."),
}


@get("/records/roster")
async def roster_page(
    request: Request[Any, Any, Any], actor: NamedDependency[Actor], rosters: NamedDependency[Rosters]
) -> Response[str]:
    """The template, the upload and the officer's earlier ones."""
    return await _upload_page(request, actor, rosters)


@get("/records/roster/template")
async def roster_template(
    request: Request[Any, Any, Any], actor: NamedDependency[Actor], rosters: NamedDependency[Rosters]
) -> Response[bytes]:
    """The workbook to fill in for a unit."""
    _require_officer(actor)
    unit = Form(dict(request.query_params)).id("unit")
    content = await rosters.template(actor, unit)
    name = quote("职工名册模板.xlsx")
    return Response(
        content,
        media_type=XLSX,
        headers={"Content-Disposition": f"attachment; filename=\"template.xlsx\"; filename*=UTF-8''{name}"},
    )


@post("/records/roster", opt=LONG, status_code=303, request_max_body_size=UPLOAD_BODY)
async def upload_roster(
    request: Request[Any, Any, Any], actor: NamedDependency[Actor], rosters: NamedDependency[Rosters]
) -> Response[str] | Redirect:
    """Read a workbook and show what it would do; nothing of it is written."""
    _require_officer(actor)
    form = await read_form(request)
    try:
        made = await rosters.dry_run(actor, form.id("unit"), await _workbook(request))
    except DomainError as refusal:
        return await _upload_page(request, actor, rosters, refusal, form.fields)
    return to(f"/review/records/roster/{made}")


@get("/records/roster/{roster:uuid}")
async def dry_run_page(
    request: Request[Any, Any, Any],
    roster: FromPath[UUID],
    actor: NamedDependency[Actor],
    rosters: NamedDependency[Rosters],
) -> Response[str]:
    """A dry run: every wrong cell, and the rows to choose."""
    return await _show(request, actor, rosters, roster)


@post("/records/roster/{roster:uuid}/accept", opt=LONG, status_code=303, request_max_body_size=TICKS_BODY)
async def accept_roster(
    request: Request[Any, Any, Any],
    roster: FromPath[UUID],
    actor: NamedDependency[Actor],
    rosters: NamedDependency[Rosters],
) -> Response[str] | Redirect:
    """Write the rows that are ticked, all or none; twice is once."""
    form = await read_form(request)
    ticked = [str(key) for key in (await request.form()).getall("row", [])]
    try:
        # The dry run itself remembers that it was accepted: it needs no token.
        await rosters.accept(actor, roster, ticked)
    except DomainError as refusal:
        return await _show(request, actor, rosters, roster, refusal, {**form.fields, "row": ",".join(ticked)})
    return to(f"/review/records/roster/{roster}", done="accept")


@post("/records/roster/{roster:uuid}/discard", status_code=303)
async def discard_roster(
    roster: FromPath[UUID], actor: NamedDependency[Actor], rosters: NamedDependency[Rosters]
) -> Redirect:
    """Throw a dry run away."""
    await rosters.discard(actor, roster)
    return to(f"/review/records/roster/{roster}", done="discard")


async def _upload_page(
    request: Request[Any, Any, Any],
    actor: Actor,
    rosters: Rosters,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    _require_officer(actor)
    return page(
        request,
        actor,
        "review/roster.html",
        refusal=refusal,
        typed=typed,
        units=[(unit.id, unit.short_name) for unit in await units_below(actor, [Role.UNIT_OFFICER])],
        mine=await rosters.mine(actor),
        states=STATES,
        staff_limit=STAFF_LIMIT,
    )


async def _show(
    request: Request[Any, Any, Any],
    actor: Actor,
    rosters: Rosters,
    roster: UUID,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    shown = await rosters.look(actor, roster)
    ticked = set((typed or {}).get("row", "").split(",")) if typed else None
    return page(
        request,
        actor,
        "review/roster_dry_run.html",
        refusal=refusal,
        typed=typed,
        shown=shown,
        sheets=_sheets(shown),
        ticked=ticked,
        rows_shown=ROWS_SHOWN,
        Verdict=Verdict,
        verdicts=VERDICT_LABELS,
        tones=TONES,
        states=STATES,
        relation_kinds=RELATION_LABELS,
        done=DONE.get(request.query_params.get("done", "")),
    )


def _sheets(shown: DryRun) -> list[tuple[str, str, Mapping[Verdict, list[Any]]]]:
    """Key, name and lines of each sheet, by what they come to."""
    if shown.roster is None:
        return []
    found: list[tuple[str, str, Mapping[Verdict, list[Any]]]] = []
    for key, name, lines in (
        ("staff", STAFF_SHEET, list(shown.roster.staff)),
        ("family", FAMILY_SHEET, list(shown.roster.family)),
    ):
        by_verdict: dict[Verdict, list[Any]] = {verdict: [] for verdict in Verdict}
        for line in lines:
            by_verdict[line.verdict].append(line)
        found.append((key, name, by_verdict))
    return found


async def _workbook(request: Request[Any, Any, Any]) -> bytes:
    sent = (await request.form()).get("file")
    if not isinstance(sent, UploadFile) or not sent.filename:
        raise RuleViolation.of("file_missing", Text("请选择文件。", "Choose a file."), "file")
    content = await sent.read(SIZE_LIMIT + 1)
    if len(content) > SIZE_LIMIT:
        raise TooLarge("file_too_large", Text("文件超过 5 MB。", "The file is larger than 5 MB."))
    return content


def _require_officer(actor: Actor) -> None:
    if not actor.unions_as(Role.UNIT_OFFICER):
        raise NotFound()
