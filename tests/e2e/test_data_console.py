"""The data console in the browser: in Chinese, with our menus, masked lists that lead to the desk, nothing refused."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page, Response, expect

from tests.e2e.console import Console

pytestmark = pytest.mark.browser


def opened(console: Console, username: str) -> tuple[Page, list[str]]:
    """The data console of somebody, and what it is refused from here on."""
    page = console.window(username, "/admin/")
    refused: list[str] = []

    def hear(answer: Response) -> None:
        if answer.status >= 400:
            refused.append(f"{answer.status} {answer.request.method} {unquote(answer.url)}")

    page.on("response", hear)
    expect(page.locator(".sidebar")).to_be_visible()
    return page, refused


def tables(page: Page) -> list[str]:
    """The menu of tables."""
    entries = page.locator(".sidebar .table_list").first.locator("li:not(.group) a")
    entries.first.wait_for()
    return [words.strip() for words in entries.all_inner_texts()]


def test_it_opens_in_chinese_with_our_menus(console: Console) -> None:
    page, refused = opened(console, "hr-wang")
    expect(page.locator("#nav h1")).to_have_text("娘家 · 基础数据")
    assert {"工会组织", "工作日历", "政策条款", "申请", "一线人员档案"} <= set(tables(page))
    menu = page.locator(".sidebar").inner_text()
    assert "Tables" not in menu
    assert "名册(脱敏)" in menu
    back = page.locator(".sidebar").get_by_role("link", name="工作台")
    back.click()
    expect(page).to_have_url(re.compile("/review/"))
    assert refused == []
    page.context.close()


def test_a_masked_list_leads_to_the_desk(console: Console) -> None:
    page, refused = opened(console, "auditor-xu")
    page.locator(".sidebar").get_by_role("link", name="申请", exact=True).click()
    row = page.locator("tr", has_text="RR-2026-000003")
    expect(row).to_contain_text("林某某")
    assert "林晚晴" not in page.content()
    row.get_by_role("link", name="RR-2026-000003").click()
    expect(page).to_have_url(re.compile("/review/cases/"))
    expect(page.get_by_role("heading", name="林晚晴")).to_be_visible()
    assert refused == []
    page.context.close()


@pytest.mark.parametrize("username", ["hr-wang", "sysadmin", "security"])
def test_nothing_is_offered_that_would_be_refused(console: Console, username: str) -> None:
    page, refused = opened(console, username)
    changes = {"添加行", "保存", "删除"}
    for name in tables(page):
        page.locator(".sidebar .table_list").first.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        offered = {words.strip() for words in page.locator("a.button:visible, button:visible").all_inner_texts()}
        may_add = username != "security" and name in (
            {"疗养院", "突发公共卫生事件", "项目", "政策条款"} if username == "sysadmin" else {"项目", "政策条款"}
        )
        assert offered & changes == ({"添加行"} if may_add else set()), name
    assert refused == []
    page.context.close()


def test_who_may_not_change_a_row_is_shown_no_save_and_who_may_saves(console: Console) -> None:
    page, refused = opened(console, "hr-wang")
    page.goto(f"{console.address}/admin/#/疗养院/")
    page.get_by_role("link", name="崂山疗养院(示例)").click()
    expect(page.locator("input[name=name]")).to_have_value("崂山疗养院(示例)")
    expect(page.get_by_role("button", name="保存")).to_be_hidden()
    page.context.close()

    page, refused = opened(console, "sysadmin")
    page.locator(".sidebar").get_by_role("link", name="疗养院", exact=True).click()
    page.get_by_role("link", name="添加行").click()
    page.wait_for_load_state("networkidle")
    for field, value in (("name", "泰山疗养院(示例)"), ("address", "泰安市示例路 3 号"), ("area_code", "3709")):
        page.locator(f"input[name={field}]").fill(value)
    page.get_by_role("button", name="创建").click()
    expect(page.get_by_text("行政区划代码为 6 位数字。")).to_be_visible()
    assert [words[:8] for words in refused] == ["422 POST"]
    page.locator("input[name=area_code]").fill("370900")
    page.get_by_role("button", name="创建").click()
    # Said, and back at the list: the form is not left to be sent again.
    expect(page.get_by_text("已添加。")).to_be_visible()
    page.get_by_role("link", name="泰山疗养院(示例)").click()
    expect(page.locator("input[name=address]")).to_have_value("泰安市示例路 3 号")
    page.locator("input[name=address]").fill("泰安市示例路 5 号")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_text("已保存。")).to_be_visible()
    assert len(refused) == 1
    page.context.close()
