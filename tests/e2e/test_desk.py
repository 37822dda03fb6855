"""A day at the desk: the queue, a case with a paper beside it, an act from the keyboard, the next case."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.console import DESKTOP, PHONE, Console

pytestmark = pytest.mark.browser

CASE = re.compile("/review/cases/")


def case_number(page: Page) -> str:
    found = re.search(r"RR-\d{4}-\d{6}", page.locator(".casehead").inner_text())
    assert found
    return found[0]


def press(page: Page, *keys: str) -> None:
    """Strike keys on a page that has its script."""
    page.wait_for_load_state("load")
    for key in keys:
        page.keyboard.press(key)


def sees_the_paper(page: Page) -> None:
    """The picture is there, with pixels, beside who it is about and what is to be done."""
    paper = page.locator(".viewer img")
    expect(paper).to_have_js_property("complete", True)
    assert paper.evaluate("image => image.naturalWidth") > 100
    who, viewer, mine = (page.locator(f"#{name}").bounding_box() for name in ("who", "viewer", "mine"))
    assert who and viewer and mine
    assert who["x"] + who["width"] <= viewer["x"] < viewer["x"] + viewer["width"] <= mine["x"]


def test_two_cases_are_reviewed_without_touching_the_mouse(console: Console) -> None:
    page = console.window("reviewer-zheng", "/review/")
    expect(page.get_by_role("heading", name="待我办理")).to_be_visible()
    expect(page.locator("tr[data-row]")).to_have_count(2)
    press(page, "j")
    expect(page.locator("tr[data-row]").first).to_have_attribute("aria-selected", "true")
    press(page, "Enter")
    expect(page).to_have_url(CASE)
    first = case_number(page)
    sees_the_paper(page)
    shown = page.locator(".papers a[aria-current]").inner_text()
    press(page, "n")
    expect(page.locator(".papers a[aria-current]")).not_to_have_text(shown)
    expect(page.get_by_text("2/3")).to_be_visible()

    # The key goes to what is still to be filled in, then to the button.
    press(page, "a")
    expect(page.get_by_label("一线贡献")).to_be_focused()
    for score in ("90", "85", "80"):
        page.keyboard.type(score)
        press(page, "Tab")
    expect(page.get_by_role("radio", name="同意", exact=True)).to_be_focused()
    press(page, "Space")
    press(page, "a")
    button = page.get_by_role("button", name="提交评审")
    expect(button).to_be_focused()
    expect(button).to_be_in_viewport()
    press(page, "Enter")

    expect(page.get_by_role("status")).to_contain_text(first)
    expect(page).to_have_url(CASE)
    second = case_number(page)
    assert second != first
    press(page, "a")
    for score in ("70", "75", "60"):
        page.keyboard.type(score)
        press(page, "Tab")
    press(page, "ArrowRight")
    expect(page.get_by_role("radio", name="不同意")).to_be_checked()
    press(page, "a", "Enter")
    expect(page.locator(".empty")).to_have_text("没有需要您办理的申请。")
    expect(page.get_by_role("status")).to_contain_text(second)
    page.context.close()


def test_papers_are_verified_from_the_keyboard_and_who_comes_late_is_told(console: Console) -> None:
    late = console.window("hr-wang", "/review/")
    late.locator("a.open").first.click()
    expect(late).to_have_url(CASE)
    page = console.window("hr-sun", "/review/")
    page.locator("a.open").first.click()
    expect(page).to_have_url(CASE)
    number = case_number(page)
    assert case_number(late) == number

    press(page, "a", "Enter")
    refusal = page.locator("#refusal")
    expect(refusal).to_be_focused()
    expect(refusal.get_by_text("材料尚未核验通过")).to_have_count(3)
    for done in (1, 2, 3):
        press(page, "v")
        expect(page.get_by_role("button", name="核验通过")).to_be_focused()
        press(page, "Enter")
        expect(page.locator("#viewer h2")).to_contain_text(f"已核验 {done} 份")
    press(page, "a", "Enter")
    expect(page.get_by_role("status")).to_contain_text(number)
    assert case_number(page) != number
    page.context.close()

    press(late, "r")
    expect(late.get_by_label("意见")).to_be_focused()
    late.keyboard.type("照片看不清")
    late.get_by_role("button", name="退回补正").click()
    expect(late.locator("#refusal")).to_contain_text("已被他人更新")
    expect(late.get_by_text("您打开之后,这件申请有了变化:")).to_be_visible()
    expect(late.locator(".refusal li").last).to_contain_text("孙核验:同意")
    assert case_number(late) == number
    late.context.close()


def test_the_desk_works_without_scripts(console: Console) -> None:
    page = console.window("officer-pingyang", "/review/", java_script_enabled=False)
    page.locator("a.open").first.click()
    sees_the_paper(page)
    number = case_number(page)
    page.get_by_role("button", name="退回补正").click()
    expect(page.locator("#refusal")).to_contain_text("请写明理由")
    page.get_by_label("意见").fill("情况属实")
    page.get_by_role("button", name="同意", exact=False).first.click()
    expect(page.get_by_role("status")).to_contain_text(number)
    expect(page.get_by_role("heading", name="待我办理")).to_be_visible()
    page.get_by_label("搜索").fill(number)
    page.get_by_role("button", name="搜索").click()
    page.locator("a.open").click()
    expect(page.locator(".history")).to_contain_text("单位审核 · 同意")
    expect(page.locator(".history")).to_contain_text("情况属实")
    page.context.close()


def test_on_a_phone_a_tap_anywhere_on_a_card_opens_it_and_the_acts_are_at_hand(console: Console) -> None:
    page = console.window("officer-daizong", "/review/", viewport=PHONE, has_touch=True, is_mobile=True)
    # The link of the card lies over all of it.
    page.locator("tr", has_text="RR-2026-000007").locator("td").last.tap(force=True)
    expect(page).to_have_url(CASE)
    approve = page.get_by_role("button", name="同意", exact=True)
    expect(approve).to_be_in_viewport()
    box = approve.bounding_box()
    assert box and box["height"] >= 40
    page.get_by_role("navigation", name="本页内容").get_by_role("link", name="材料").tap()
    expect(page.locator(".viewer img")).to_be_in_viewport()
    expect(approve).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.context.close()


def test_a_search_by_a_key_and_help_by_another(console: Console) -> None:
    page = console.window("chair-han", "/review/?tab=all", viewport=DESKTOP)
    press(page, "?")
    expect(page.get_by_role("dialog", name="快捷键")).to_be_visible()
    press(page, "Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    press(page, "/")
    page.keyboard.type("孟冬梅")
    press(page, "Enter")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    expect(page.locator("a.open")).to_have_text("孟冬梅")
    page.context.close()
