"""Brings the demonstration's cases to a public notice as its people would, by the forms of their pages."""

from __future__ import annotations

import time
from dataclasses import dataclass

from backend.operations.tour.browser import Page
from tests.e2e.console import Console
from tests.running_stack import Stack

#: After the window of the demonstration's batch, and on a working day.
CLOSED = "2026-03-17T09:00:00+08:00"
SCORES = {"score_contribution": "88", "score_performance": "85", "score_need": "80"}
LAPSE_S = 30.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Where things stand: the batch and the notice at the desk, and the notice as everybody reads it."""

    batch: str
    notice: str
    public: str


class Clerk:
    """Somebody who fills in the forms of pages without looking at them."""

    def __init__(self, console: Console, username: str) -> None:
        self._requests = console.window(username).context.request

    def read(self, path: str) -> Page:
        """A page's forms and links."""
        answer = self._requests.get(path)
        assert answer.ok, f"{path}: {answer.status}"
        return Page(answer.text())

    def send(self, path: str, action: str, /, **typed: str) -> None:
        """Fill in the form on a page that goes to `action`, and send it."""
        form = next(form for form in self.read(path).forms if form.action == action)
        answer = self._requests.post(action, form={**form.fields, **typed}, max_redirects=0)
        assert answer.status == 303, f"{action} {typed}: {answer.status}"

    def act(self, case: str, action: str, **typed: str) -> None:
        """One act on a case."""
        self.send(case, f"{case}/act", action=action, **typed)

    def cases(self, tab: str = "mine") -> list[str]:
        """The requests for a stay in a queue."""
        return self.links(f"/review/?tab={tab}&kind=recuperation", "/review/cases/")

    def links(self, path: str, prefix: str) -> list[str]:
        """Where a page leads, below a prefix."""
        found = [link.partition("?")[0] for link in self.read(path).links if link.startswith(prefix)]
        return list(dict.fromkeys(found))

    def verify_papers(self, case: str) -> None:
        """Every paper of a case that waits: the page shows the next one by itself."""
        while True:
            forms = [form for form in self.read(case).forms if ("outcome", "verified") in form.buttons]
            if not forms:
                return
            self.send(case, forms[0].action, outcome="verified")


def decide_all(console: Console) -> None:
    """Take every request for a stay that waits for somebody through unit, papers and committee."""
    for username in ("officer-daizong", "officer-pingyang"):
        officer = Clerk(console, username)
        for case in officer.cases():
            officer.act(case, "approve", comment="情况属实")
    hr = Clerk(console, "hr-sun")
    for case in hr.cases():
        hr.verify_papers(case)
        hr.act(case, "approve")
    for username in ("reviewer-zhou", "reviewer-zheng", "reviewer-chen"):
        reviewer = Clerk(console, username)
        for case in reviewer.cases():
            reviewer.act(case, "review", passes="yes", comment="表现突出", **SCORES)
    chair = Clerk(console, "chair-han")
    for case in chair.cases():
        chair.act(case, "decide", comment="按票决通过")


def publish(console: Console, stack: Stack) -> Stage:
    """Let the window close and what was sent back lapse; give the places, and put them on public notice."""
    moved = stack.command("clock", "set", CLOSED)
    assert moved.returncode == 0, moved.stderr
    chair = Clerk(console, "chair-han")
    give_up = time.monotonic() + LAPSE_S
    while chair.cases("returned"):
        assert time.monotonic() < give_up, "what was sent back did not lapse"
        time.sleep(0.5)
    (batch,) = [link for link in chair.links("/review/batches", "/review/batches/") if not link.endswith("/new")]
    for step in ("allocate", "notice"):
        chair.send(batch, f"{batch}/{step}")
    (notice,) = chair.links("/review/notices", "/review/notices/")
    public = next(link for link in chair.read(notice).links if "/notices/" in link and link.startswith("http"))
    return Stage(batch, notice, public)
