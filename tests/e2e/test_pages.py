"""Every page of the console, in both languages: readable, named, within the width of a phone, whole by the Tab key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from tests.e2e.console import DESKTOP, Console
from tests.e2e.eyes import lost_focus, wrong_with

pytestmark = pytest.mark.browser


def first(page: Page) -> None:
    page.locator("a.open").first.click()


def unfolded(page: Page) -> None:
    first(page)
    for summary in page.locator("summary").all():
        summary.click()


def found(page: Page) -> None:
    page.locator("#search").fill("古丽")
    page.keyboard.press("Enter")
    first(page)


def helped(page: Page) -> None:
    page.keyboard.press("?")


def refused(page: Page) -> None:
    """A form that comes back with its refusal."""
    first(page)
    page.locator("button.warn[value=return]").click()
    page.locator("#refusal").wait_for()


def wrongly_filled(page: Page) -> None:
    """A form of many fields that comes back: each says what is wrong with it."""
    typed = {
        "name": "罗小满",
        "identifier_number": "370999199203030070",
        "phone": "138",
        "joined_unit_on": "2016-07-01",
    }
    for name, value in typed.items():
        page.locator(f"[name={name}]").fill(value)
    for name in ("population", "job_category", "certification"):
        page.locator(f"[name={name}]").select_option(index=1)
    page.locator("main form button.primary").click()
    page.locator("#refusal").wait_for()
    assert page.locator("[aria-invalid]").count()


def through(*selectors: str) -> Callable[[Page], None]:
    """Click from page to page."""

    def go(page: Page) -> None:
        for selector in selectors:
            page.locator(f"main {selector}").first.click()

    return go


PAGES: dict[str, tuple[str, str, Callable[[Page], None] | None]] = {
    "login": ("", "/login", None),
    "nothing there": ("chair-han", "/review/nothing", None),
    "password": ("chair-han", "/password", None),
    "queue": ("auditor-xu", "/review/?tab=all", None),
    "queue of a unit": ("officer-daizong", "/review/?tab=mine", None),
    "empty queue, with help": ("chair-yang", "/review/?tab=overdue", helped),
    "case to review": ("reviewer-wu", "/review/?tab=mine", first),
    "case to verify, unfolded": ("hr-wang", "/review/?tab=mine", unfolded),
    "case that is only read": ("auditor-xu", "/review/?tab=all", first),
    "refused act": ("officer-daizong", "/review/?tab=mine", refused),
    "file for a worker": ("officer-daizong", "/review/file", None),
    "records": ("officer-daizong", "/review/records", None),
    "record": ("officer-daizong", "/review/records", found),
    "record to enter": ("officer-daizong", "/review/records/new", None),
    "record wrongly entered": ("officer-daizong", "/review/records/new", wrongly_filled),
    "batches": ("chair-han", "/review/batches", None),
    "batch": ("chair-han", "/review/batches", first),
    "batch to draft": ("hr-wang", "/review/batches/new", None),
    "mutual aid": ("officer-daizong", "/review/mutual-aid", None),
    "unit to enrol": ("officer-daizong", "/review/mutual-aid", through("button.primary")),
    "unit's enrolment": ("officer-daizong", "/review/mutual-aid", first),
    "covers": ("hr-wang", "/review/mutual-aid/covers", None),
    "not covered": ("officer-daizong", "/review/mutual-aid/gaps", None),
    "insurer's list": ("hr-wang", "/review/mutual-aid/lists", None),
    "cover to assess": ("hr-wang", "/review/?tab=mine&kind=mutual_aid", first),
    "campaigns": ("chair-han", "/review/campaigns", None),
    "campaign": ("chair-han", "/review/campaigns", first),
    "campaign to draft": ("hr-wang", "/review/campaigns/new", None),
    "slate": ("chair-han", "/review/campaigns", through("a.open", "a[href$='/slate']")),
    "nominating": ("officer-daizong", "/review/campaigns", through("a.open", "a[href$='/nominate']")),
    "unit's ranked list": ("officer-daizong", "/review/campaigns", through("a.open", "a[href*='/units/']")),
    "nomination": ("officer-daizong", "/review/?tab=all&kind=commendation", first),
    "no notices": ("chair-han", "/review/notices", None),
    "programmes": ("hr-wang", "/review/programmes", None),
    "programme, unfolded": ("hr-wang", "/review/programmes", unfolded),
    "roles": ("security", "/review/roles", None),
}


def test_the_audit_sees_what_is_wrong(console: Console) -> None:
    page = console.window()
    page.set_content(
        """<html lang="de"><title></title><h1>One</h1><h1>Two</h1><input placeholder="pale"><button></button>
        <img src="data:,"><table><th>Head</th></table><p id="a"></p><label for="gone">Gone</label>
        <p id="a" tabindex="2" style="color: #999; background: #fff">Pale</p>
        <button data-key="x" style="height: 12px">x</button>
        <div data-key="x" style="width: 2000px; height: 1px"></div>"""
    )
    told = "; ".join(wrong_with(page, "zh-CN"))
    for words in (
        "lang is de",
        "no title",
        "2 h1",
        "not one main",
        "no name: <input>",
        "no name: <button>",
        "no alt",
        "no scope",
        "tabindex 2",
        "two of #a",
        "for leads nowhere: gone",
        "two answer to the key x",
        "contrast 2.85: “Pale”",
        "12 px high",
        "phone, large letters: 1618 px too wide",
    ):
        assert words in told
    page.context.close()


@pytest.fixture(scope="module")
def windows(desk: Console) -> Iterator[Callable[[str, str], Page]]:
    """One window for each person and language: the pages are many."""
    opened: dict[tuple[str, str], Page] = {}

    def window(username: str, language: str) -> Page:
        if (username, language) not in opened:
            opened[username, language] = desk.window(username, locale=language)
        return opened[username, language]

    yield window
    for page in opened.values():
        page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_by_everybody(console: Console, windows: Callable[[str, str], Page], name: str) -> None:
    username, path, then = PAGES[name]
    for language in ("zh-CN", "en"):
        page = windows(username, language)
        page.set_viewport_size(DESKTOP)
        page.goto(path)
        if then:
            then(page)
        assert wrong_with(page, language) == [], f"{language} {page.url}"


@pytest.mark.parametrize("name", ["queue", "case to review", "case to verify, unfolded", "batch"])
def test_whoever_goes_by_the_tab_key_sees_where_they_are(console: Console, name: str) -> None:
    username, path, then = PAGES[name]
    page = console.window(username, path)
    if then:
        then(page)
        page.wait_for_url(re.compile("/review/(cases|batches)/"))
    assert lost_focus(page) == []
    page.context.close()
