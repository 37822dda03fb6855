"""What can be seen wrong with a page without being a person."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from tests.e2e.console import DESKTOP, PHONE

_AUDIT = (Path(__file__).parent / "audit.js").read_text("utf-8")

#: How an element that has the focus shows it, and whether it can be seen where it stands.
_FOCUS = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const box = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  const x = Math.min(Math.max(box.left + Math.min(box.width, 40) / 2, 1), innerWidth - 1);
  const y = box.top + Math.min(box.height, 40) / 2;
  const top = document.elementFromPoint(x, y);
  return {
    name: `${element.tagName} ${element.getAttribute("aria-label") || element.textContent.trim().slice(0, 30)}`,
    outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    seen: !!top && (element.contains(top) || top.contains(element)),
    place: [...document.querySelectorAll("*")].indexOf(element),
  };
}"""


def wrong_with(page: Page, language: str) -> list[str]:
    """What the page lacks for everybody to use it: at a desk and on a phone, in common and in large letters."""
    page.wait_for_load_state("load")
    found = []
    for where, size in (("desk", DESKTOP), ("phone", PHONE)):
        page.set_viewport_size(size)
        for letters in ("normal", "large"):
            page.evaluate("letters => { document.documentElement.dataset.size = letters }", letters)
            if letters == "normal":
                found += [f"{where}: {words}" for words in page.evaluate(_AUDIT, language)]
            beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if beyond > 0:
                found.append(f"{where}, {letters} letters: {beyond} px too wide")
    return found


def lost_focus(page: Page, most: int = 150) -> list[str]:
    """Where somebody who goes through a page by the Tab key would not see where they are."""
    page.wait_for_load_state("load")
    found, places = [], set()
    for _ in range(most):
        page.keyboard.press("Tab")
        at = page.evaluate(_FOCUS)
        if at is None or at["place"] in places:
            break
        places.add(at["place"])
        if at["outline"] < 2:
            found.append(f"no outline: {at['name']}")
        if not at["seen"]:
            found.append(f"out of sight: {at['name']}")
    assert len(places) > 3, "hardly anything can be reached by the Tab key"
    return found
