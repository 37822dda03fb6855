"""The case page: who and why, the papers beside, one's own part, and the acts that lead on to the next case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from admin.review.forms import Form, read_form
from admin.review.page import page, to
from admin.review.queue import View, just_done, read_place, view_of, write_place
from admin.review.words import KEYS, OBJECTION_STATES, PAPERS_IN_A_WORD, PLACEMENTS, RECORD_TONES, TABS, TONES
from backend.applications import casefile, desk
from backend.applications.case import load_case
from backend.applications.casefile import CaseFile
from backend.applications.committee import ReviewInput, SettlementInput
from backend.applications.desk import Tab
from backend.applications.lifecycle import FILING, Action, Move, State
from backend.applications.papers import Slot
from backend.applications.service import Applications, Details
from backend.applications.words import ACTIONS, STAFF_STATES
from backend.clock import Clock
from backend.documents.counter import papers_of
from backend.documents.kinds import (
    EXPIRING,
    KIND_LABELS,
    REJECTION_LABELS,
    STATE_LABELS,
    VIEWABLE,
    PaperKind,
    PaperState,
)
from backend.documents.queries import CasePaper, PaperEntry
from backend.errors import DomainError, Stale
from backend.identity import Actor, Role
from backend.people.service import People
from backend.registry.kinds import CERTIFICATION_LABELS, DISPATCH_LABELS, JOB_LABELS, POPULATION_LABELS
from backend.registry.kinds import STATE_LABELS as RECORD_LABELS
from backend.sealing import Sealer

ZOOMS = ("100", "150", "200", "300")
TURNS = ("0", "90", "180", "270")

#: Acts of a committee, which stand beside its votes.
_WITH_FORMS = (Action.REVIEW, Action.SETTLE, Action.RECUSE)

#: Acts of one who files: afterwards the page stays on the case.
_FILING = (Action.SUBMIT, Action.WITHDRAW, Action.CONFIRM, Action.DECLINE)


@get("/cases/{application:uuid}")
async def case_page(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    sealer: NamedDependency[Sealer],
    clock: NamedDependency[Clock],
) -> Response[str]:
    """One case; the look is recorded."""
    return await show(request, actor, application, applications, sealer, clock)


@post("/cases/{application:uuid}/act", status_code=303)
async def act(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    sealer: NamedDependency[Sealer],
    clock: NamedDependency[Clock],
) -> Response[str] | Redirect:
    """Do what a button says and go on to the next case; a refusal comes back with everything that was typed."""
    form = await read_form(request)
    try:
        action = Action(form.choice("action", *Action))
        version = form.number("version")
        case = await load_case(application)
        details = _vote(action, form) or applications.processes[case.kind].details(case, action, form.fields)

        async def work() -> UUID:
            await applications.advance(
                actor, application, action, expected_version=version, comment=form.text("comment"), details=details
            )
            return application

        await form.once(actor, f"desk.act:{application}", work)
    except DomainError as refusal:
        return await show(request, actor, application, applications, sealer, clock, refusal=refusal, typed=form.fields)
    number = (await load_case(application)).number
    if action in _FILING:
        return to(f"/review/cases/{application}", done=action.value, number=number)
    return await _onward(actor, applications, clock, form, action, number)


@post("/cases/{application:uuid}/reveal", status_code=200)
async def reveal(
    request: Request[Any, Any, Any],
    application: FromPath[UUID],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    people: NamedDependency[People],
    sealer: NamedDependency[Sealer],
    clock: NamedDependency[Clock],
) -> Response[str]:
    """Show the document number in full, once, on the answer to this very act; the reason is recorded."""
    form = await read_form(request)
    try:
        number = await casefile.reveal(actor, applications, people, application, form.text("reason"))
    except DomainError as refusal:
        return await show(request, actor, application, applications, sealer, clock, refusal=refusal, typed=form.fields)
    return await show(request, actor, application, applications, sealer, clock, revealed=number)


async def show(
    request: Request[Any, Any, Any],
    actor: Actor,
    application: UUID,
    applications: Applications,
    sealer: Sealer,
    clock: Clock,
    *,
    refusal: DomainError | None = None,
    typed: Mapping[str, str] | None = None,
    revealed: str = "",
    link: str = "",
) -> Response[str]:
    """The case page, after whatever was asked of it."""
    found = await casefile.open_case(actor, applications, sealer, application)
    typed = typed or {}
    query = typed.get("queue", request.query_params.get("queue", ""))
    view = view_of(query)
    today = await clock.today()
    place = read_place(typed.get("place", "")) or desk.Place(found.case.entered_at, found.case.id)
    reached = (actor, view.wanted, applications.processes, today)
    changes = []
    if isinstance(refusal, Stale) and typed.get("seen", "").isdigit():
        changes = await casefile.changes_since(application, int(typed["seen"][:9]))
    process = applications.processes[found.case.kind]
    asked = {move.action: await process.fields(found.case, move.action) for move in found.moves}
    forms = {action: fields for action, fields in asked.items() if fields}
    paper = _shown_paper(found, typed.get("paper") or request.query_params.get("paper") or "")
    return page(
        request,
        actor,
        "review/case.html",
        refusal=refusal,
        typed=typed,
        file=found,
        case=found.case,
        view=view,
        queue=view.query(),
        place=write_place(place),
        before=next(iter(await desk.queue(*reached, after=place, limit=1, backwards=True)), None),
        following=next(iter(await desk.queue(*reached, after=place, limit=1)), None),
        paper=paper,
        paper_numbers={one.paper.id: number for number, one in enumerate(found.papers, start=1)},
        zoom=_one_of(request.query_params.get("zoom", ""), ZOOMS),
        turn=_one_of(request.query_params.get("turn", ""), TURNS),
        zooms=ZOOMS,
        turns=TURNS,
        offered=[move.action for move in found.moves],
        bar=sorted((move for move in found.moves if move.action not in (*_WITH_FORMS, *forms)), key=_by_key),
        forms=forms,
        stays=all(move.action in _FILING for move in found.moves),
        verifies=_verifies(actor, found),
        attachable=await _attachable(actor, found, applications, sealer),
        revealed=revealed,
        link=link,
        changes=changes,
        today=today,
        done=just_done(request),
        tabs=TABS,
        states=STAFF_STATES,
        actions=ACTIONS,
        tones=TONES,
        keys=KEYS,
        Action=Action,
        State=State,
        PaperKind=PaperKind,
        PaperState=PaperState,
        kind_labels=KIND_LABELS,
        expiring=EXPIRING,
        paper_states=STATE_LABELS,
        viewable=VIEWABLE,
        rejections=REJECTION_LABELS,
        populations=POPULATION_LABELS,
        jobs=JOB_LABELS,
        record_states=RECORD_LABELS,
        record_tones=RECORD_TONES,
        certifications=CERTIFICATION_LABELS,
        dispatches=DISPATCH_LABELS,
        placements=PLACEMENTS,
        requirements={slot.requirement.key: slot.requirement.label for slot in found.slots},
        in_a_word=PAPERS_IN_A_WORD,
        objection_states=OBJECTION_STATES,
    )


async def _onward(
    actor: Actor, applications: Applications, clock: Clock, form: Form, action: Action, number: str
) -> Redirect:
    """To the next case of the queue that this one was opened from, from the top when it was the last, else back."""
    view: View = view_of(form.text("queue"))
    done = {"done": action.value, "number": number}
    today = await clock.today()
    for after in (read_place(form.text("place")), None):
        following = await desk.queue(actor, view.wanted, applications.processes, today, after=after, limit=1)
        if following and view.wanted.tab is Tab.MINE:
            return to(f"/review/cases/{following[0].id}", queue=view.query(), **done)
    return to("/review/", tab=view.wanted.tab.value, **done)


def _vote(action: Action, form: Form) -> Details:
    passes = {"yes": True, "no": False}.get(form.text("passes"))
    if passes is None:
        return None
    if action is Action.SETTLE:
        return SettlementInput(passes)
    if action is Action.REVIEW:
        scored = [name for name, value in form.fields.items() if name.startswith("score_") and value.strip()]
        return ReviewInput(passes, {name.removeprefix("score_"): form.number(name) for name in scored})
    return None


def _shown_paper(found: CaseFile, wanted: str) -> CasePaper | None:
    """The paper that was asked for, else the first that waits for a verdict, else the first."""
    waiting = [paper for paper in found.papers if paper.paper.state == PaperState.CHECKED]
    chosen = [paper for paper in found.papers if str(paper.paper.id) == wanted]
    return next(iter([*chosen, *waiting, *found.papers]), None)


def _by_key(move: Move) -> tuple[int, str]:
    """What leads on first, then what sends back, then what ends."""
    return "arxw".find(KEYS.get(move.action, (" ", ""))[0]), move.action


async def _attachable(
    actor: Actor, found: CaseFile, applications: Applications, sealer: Sealer
) -> list[tuple[Slot, list[PaperEntry]]] | None:
    """The requirements that the reader can bring papers for, each with those of the worker's that could answer it.

    None where the reader brings none.
    """
    case = found.case
    files = case.stage_key == FILING and applications.files(actor, case)
    asked = [
        slot
        for slot in found.slots
        if applications.brings(actor, case, slot.requirement.key) or (files and not slot.requirement.due_stage)
    ]
    if not asked:
        return None
    there = {paper.upload for slot in found.slots for paper in slot.papers}
    return [
        (
            slot,
            [
                entry
                for entry in await papers_of(actor, case.subject_person, slot.requirement.kinds, sealer)
                if entry.id not in there
            ]
            if files and case.subject_person
            else [],
        )
        for slot in asked
    ]


def _verifies(actor: Actor, found: CaseFile) -> bool:
    """Whether the actor may give verdicts on the papers of this case; whose paper it is the service still asks."""
    unions = set(found.case.levels.values())
    reached = any(binding.union_id in unions for binding in actor.unions_as(Role.HR_VERIFIER))
    return reached and not found.case.ended


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    return value if value in allowed else allowed[0]
