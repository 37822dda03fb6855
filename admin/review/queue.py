"""The queue page: what waits for whom, by tab, narrowed by filters, one keyset page at a time."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from admin.review.forms import read_form
from admin.review.page import page, to
from admin.review.words import PLACEMENTS, TABS, TONES
from backend.accounts.phones import PHONE_PURPOSE
from backend.applications import desk
from backend.applications.desk import COUNT_CAP, Place, StageChoice, Tab, UnitChoice, Wanted
from backend.applications.lifecycle import Action, State
from backend.applications.rights import READERS
from backend.applications.service import Applications
from backend.applications.words import ACTIONS, STAFF_STATES
from backend.audit.log import record
from backend.clock import Clock
from backend.database import OneConnection
from backend.errors import NotFound
from backend.identity import Actor, Role
from backend.people.identifiers import IdentifierType, normal_identifier, normal_mobile, normal_name
from backend.sealing import Sealer
from backend.words import UNPRINTABLE, Text

PAGE_SIZE = 50

#: Nobody: the person of a search by number that found no case in scope.
NOBODY = UUID(int=0)

#: Anything else with that many digits may be somebody's document or phone number.
_CASE_NUMBER = re.compile(r"[A-Z]{2}-\d{4}-\d{6,}")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class View:
    """A queue as its address says it: what is wanted, and from where on."""

    wanted: Wanted
    after: Place | None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> View:
        """The view of a query string; what cannot be read is left out, so that an old bookmark still opens a queue."""
        query = {name: UNPRINTABLE.sub("", value) for name, value in query.items()}
        tab = query.get("tab", "")
        return cls(
            Wanted(
                tab=Tab(tab) if tab in set(Tab) else Tab.MINE,
                kind=query.get("kind", "")[:20],
                stage=query.get("stage", "")[:30],
                unit=_id(query.get("unit", "")),
                words=query.get("q", "").strip()[:60],
                person=_id(query.get("person", "")),
            ),
            read_place(query.get("after", "")),
        )

    def query(self, **changes: str) -> str:
        """The query string of this view with changes; the place within it is dropped unless given."""
        wanted = self.wanted
        fields = {
            "tab": wanted.tab.value,
            "kind": wanted.kind,
            "stage": wanted.stage,
            "unit": str(wanted.unit or ""),
            "q": wanted.words,
            "person": str(wanted.person or ""),
            **changes,
        }
        return urlencode({name: value for name, value in fields.items() if value})


class Queue(msgspec.Struct, kw_only=True):
    """What one page of a queue shows: its cases, the place of the next page, and what the tabs and filters offer."""

    lines: list[desk.Line]
    more: str
    counts: dict[Tab, int]
    units: list[UnitChoice]
    stages: list[StageChoice]


@get("/")
async def queue_page(
    request: Request[Any, Any, Any],
    actor: NamedDependency[Actor],
    applications: NamedDependency[Applications],
    clock: NamedDependency[Clock],
) -> Response[Any]:
    """One tab of the queue, as a page or, for who accepts JSON alone, as its data.

    Whoever may read no case is told that there is none here.
    """
    require_reader(actor)
    view = View.of(request.query_params)
    today = await clock.today()
    queue = await _queue(actor, view, applications, today)
    if request.headers.get("accept") == "application/json":
        return Response(queue, media_type="application/json")
    return page(
        request,
        actor,
        "review/queue.html",
        view=view,
        lines=queue.lines,
        more=view.query(after=queue.more) if queue.more else "",
        counts=queue.counts,
        cap=COUNT_CAP,
        tabs=TABS,
        units=queue.units,
        stages=queue.stages,
        processes=applications.processes,
        states=STAFF_STATES,
        State=State,
        tones=TONES,
        placements=PLACEMENTS,
        today=today,
        done=just_done(request),
        files=Role.UNIT_OFFICER in actor.roles,
        searched=view.wanted.person is not None,
    )


async def _queue(actor: Actor, view: View, applications: Applications, today: date) -> Queue:
    processes = applications.processes
    async with OneConnection():
        lines = await desk.queue(actor, view.wanted, processes, today, after=view.after, limit=PAGE_SIZE + 1)
        counts = await desk.counts(actor, today)
        filters = await desk.filters(actor, processes)
    shown = lines[:PAGE_SIZE]
    return Queue(
        lines=shown,
        more=write_place(shown[-1].place) if len(lines) > PAGE_SIZE else "",
        counts=counts,
        units=filters.units,
        stages=filters.stages,
    )


@post("/search", status_code=303)
async def search(
    request: Request[Any, Any, Any], actor: NamedDependency[Actor], sealer: NamedDependency[Sealer]
) -> Redirect:
    """Look for a case: by its number or a name in the address, by an ID or phone number never in one.

    An ID or phone number is looked up by its keyed hash among the cases in scope; the answer to a number that is
    unknown and to one that belongs to somebody elsewhere is the same empty page.
    """
    require_reader(actor)
    words = (await read_form(request)).text("q")
    if _CASE_NUMBER.fullmatch(words.upper()) or sum(sign.isdigit() for sign in words) < 6:
        return to("/review/", tab=Tab.ALL.value, q=normal_name(words)) if words else to("/review/")
    digests = {
        type_.value: sealer.digest(normal_identifier(type_, words).number, f"identifier:{type_.value}")
        for type_ in IdentifierType
    }
    person = await desk.person_in_scope(actor, digests, sealer.digest(normal_mobile(words), PHONE_PURPOSE))
    await record(actor, "case.search", "found" if person else "nothing")
    return to("/review/", tab=Tab.ALL.value, person=str(person or NOBODY))


def require_reader(actor: Actor) -> None:
    """Raise NotFound for who reads no cases: to them the desk does not exist."""
    if not actor.unions_as(*READERS):
        raise NotFound()


def write_place(place: Place) -> str:
    """A place as an opaque word for an address."""
    micros = (place.entered_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(micros.to_bytes(8, "big") + place.id.bytes).decode()


def read_place(word: str) -> Place | None:
    """The place that a word stands for; None for anything that we did not write."""
    try:
        raw = base64.urlsafe_b64decode(word)
        instant = _EPOCH + timedelta(microseconds=int.from_bytes(raw[:8], "big"))
    except (ValueError, OverflowError):
        return None
    return Place(instant, UUID(bytes=raw[8:])) if len(raw) == 24 else None


def view_of(query: str) -> View:
    """The view that a case page was opened from, as it was handed on."""
    return View.of(dict(parse_qsl(query[:500])))


def just_done(request: Request[Any, Any, Any]) -> tuple[Text, str] | None:
    """What was done before this page, as its address says it."""
    action, number = request.query_params.get("done", ""), request.query_params.get("number", "")
    return (ACTIONS[Action(action)], number[:20]) if action in set(Action) else None


def _id(word: str) -> UUID | None:
    try:
        return UUID(word)
    except ValueError:
        return None
