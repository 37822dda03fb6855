"""Coming to the console: both factors, out again, in one's language and size of letters."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.console import Console

pytestmark = pytest.mark.browser


def test_password_then_code_then_to_where_one_wanted(console: Console) -> None:
    page = console.window("", "/review/batches")
    expect(page).to_have_url(re.compile(r"/login\?next="))
    expect(page.get_by_label("用户名")).to_be_focused()
    page.keyboard.type("reviewer-chen")
    page.get_by_label("密码").fill("not the password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("不正确")

    page.get_by_label("用户名").fill("reviewer-chen")
    page.get_by_label("密码").fill(console.password)
    page.keyboard.press("Enter")
    expect(page.get_by_label("6 位验证码")).to_be_focused()
    wrong = f"{(int(console.code()) + 1) % 10**6:06d}"
    page.keyboard.type(wrong)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("6 位验证码").fill(console.code())
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{console.address}/review/batches")
    expect(page.get_by_role("link", name="陈委员")).to_be_visible()
    page.get_by_role("button", name="退出").click()
    expect(page).to_have_url(re.compile("/login$"))
    page.go_back()
    expect(page.get_by_role("heading", name="登录")).to_be_visible()
    page.context.close()


def test_language_and_large_letters_stay(console: Console) -> None:
    page = console.window("", "/login")
    page.get_by_role("button", name="大字版").click()
    expect(page.locator("body")).to_have_css("font-size", "18px")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("body")).to_have_css("font-size", "18px")
    page.context.close()

    page = console.window("auditor-xu", "/review/?tab=all")
    page.get_by_role("button", name="English").click()
    # Back on the very page.
    expect(page).to_have_url(re.compile("tab=all"))
    expect(page.get_by_role("heading", name="All in scope")).to_be_visible()
    page.get_by_role("button", name="Large text").click()
    expect(page.locator("body")).to_have_css("font-size", "18px")
    page.locator("a.open").first.click()
    expect(page.get_by_role("heading", name="Eligibility")).to_be_visible()
    expect(page.locator("body")).to_have_css("font-size", "18px")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", name="资格条件")).to_be_visible()
    page.context.close()
