"""The award's chapters of the tour: a nurse nominated by a colleague, shown twice, reviewed twice, granted, revoked."""

from __future__ import annotations

import secrets
from datetime import date, datetime, timedelta
from typing import Any

from backend.clock import LOCAL
from backend.operations.demo_awards import MERIT
from backend.operations.demo_cases import sample_paper
from backend.operations.tour.browser import Browser
from backend.operations.tour.cast import Cast, Nurse
from backend.operations.tour.phone import Phone, Surprise
from backend.operations.tour.registration import registers

#: After the stay's story, and before anything of the demonstration's own.
BEGINS = datetime(2025, 9, 1, 9, 0, tzinfo=LOCAL)
DEED = "长期坚守重症救治一线,改进转运交接流程。"
_GIVEN = "丽娜静婷雅兰梅芳晓云春雪霞玉敏慧"


async def play_awards(cast: Cast) -> None:
    """The whole story; raises Surprise at the first thing that does not come out as told."""
    try:
        await cast.set_clock(BEGINS)
        cast.told.step("运维", f"业务时钟设为 {BEGINS:%Y-%m-%d %H:%M}(命令行)")
        nominee, nominator = _nurse(cast, "麦"), _nurse(cast, "方")
        for nurse in (nominee, nominator):
            await registers(cast, nurse)
        campaign = await campaign_opens(cast)
        case = await nominated(cast, campaign, nominator, nominee)
        await recommended(cast, campaign, nominee, case)
        await cleared(cast, case)
        await reviewed_twice(cast, case)
        await slated(cast, campaign, nominee, case)
        await granted(cast, nominee, case)
        await revoked(cast, nominee, case)
    finally:
        await cast.close()


async def campaign_opens(cast: Cast) -> str:
    """HR drafts a campaign of one place, one chair divides and opens it."""
    cast.told.chapter("评选:拟定、分配名额、由另一人开放")
    hr = await cast.at("hr-wang")
    await hr.open("/review/campaigns/new")
    name = f"巡演评选 {secrets.token_hex(3)}"
    await hr.send(
        "/review/campaigns",
        name=name,
        programme_version="五一劳动奖章",
        opens_at=f"{BEGINS:%Y-%m-%dT00:00}",
        closes_at=f"{BEGINS + timedelta(days=11):%Y-%m-%dT18:00}",
    )
    campaign = hr.id_of("/review/campaigns/")
    hr.expect(name, "女职工 ≥20%")
    chair = await cast.at("chair-han")
    path = f"/review/campaigns/{campaign}"
    await chair.open(path)
    await chair.send(f"{path}/quota", union="岱宗中心医院", mains="1", reserves="0", reason="按会员人数")
    await chair.open(path)
    await chair.send(f"{path}/open")
    cast.told.step("chair-han", f"“{name}”开放推荐:1 个正选;比例、限制、征求意见随已发布的版本")
    return campaign


async def nominated(cast: Cast, campaign: str, nominator: Nurse, nominee: Nurse) -> str:
    """A colleague drafts on the phone, comes back to it, sends it; the officer's line joins; the nominee agrees."""
    cast.told.chapter("推荐:同事用手机推荐,本人同意,两条线合并")
    phone = nominator.phone
    shown = await phone.call("GET", f"/commendation/campaigns/{campaign}", 200)
    found = await phone.call("GET", f"/commendation/colleagues?q={nominee.name}", 200)
    said = {"category": "worker", "traits": ["frontline", "professional"], "merit": MERIT[:40], "deed": DEED}
    counted = await phone.call(
        "POST", f"/commendation/campaigns/{campaign}/count", 200, {"merit": MERIT, "deed": f"{DEED}13800370001"}
    )
    cast.told.step(
        nominator.name, f"边写边数:{counted['merit_count']}/{shown['merit_most']} 字;{counted['problems'][0]}"
    )
    draft = {"campaign_id": campaign, "nominee_id": found["items"][-1]["id"], **said}
    made = await phone.call("POST", "/commendation/nominations", 201, draft)
    case = str(made["id"])
    await phone.refused("POST", f"/applications/{case}/submit", 422, "merit_length", {"version": made["version"]})
    kept = await phone.call("GET", f"/commendation/nominations/{case}", 200)
    amended = {**said, "merit": MERIT, "version": kept["version"]}
    await phone.call("PUT", f"/commendation/nominations/{case}", 200, amended)
    sent = await phone.act(case, "submit")
    cast.told.step(nominator.name, f"草稿保存后继续,提交 {sent['number']}")
    officer = await cast.at("officer-daizong")
    path = f"/review/campaigns/{campaign}/nominate"
    await officer.open(path)
    await officer.send(path, nominee=nominee.name, category="worker", merit=MERIT, deed=DEED, trait_frontline="1")
    officer.expect(nominator.name, "李经办")
    cast.told.step("officer-daizong", "推荐同一人:并入已有推荐,两条线都保留")
    await phone.refused("POST", f"/commendation/nominations/{case}/consent", 404, "not_found", {"agrees": True})
    await nominee.phone.call("POST", f"/commendation/nominations/{case}/consent", 200, {"agrees": True})
    cast.told.step(nominee.name, "本人在手机上同意")
    return case


async def recommended(cast: Cast, campaign: str, nominee: Nurse, case: str) -> None:
    """The workers' congress recommends; the unit's notice stands five working days."""
    cast.told.chapter("单位推荐:职代会表决,单位公示 5 个工作日")
    officer = await cast.at("officer-daizong")
    await officer.open(f"/review/campaigns/{campaign}")
    units = next(link for link in officer.page.links if "/units/" in link)
    meeting: dict[str, Any] = {
        "kind": "congress",
        "held_on": f"{BEGINS:%Y-%m-%d}",
        "members": "60",
        "present": "52",
        "comment": "经职代会表决,同意推荐。",
        f"rank_{case}": "1",
        f"votes_{case}": "50",
    }
    await officer.open(units)
    await officer.send(units, expected=422, **meeting)
    officer.expect("缺少材料")
    await _bring(officer, case, "minutes:congress_minutes")
    await officer.open(units)
    await officer.send(units, **meeting)
    cast.told.step("officer-daizong", "没有纪要 → 说明缺什么;补上后按 50/52 票推荐")
    await officer.open("/review/notices")
    await officer.send("/review/notices")
    shown = await nominee.phone.case(case)
    page = await cast.client.get(shown["notice"])
    for secret in (nominee.number, nominee.identifier["number"], MERIT[:20]):
        if secret in page.text:
            raise Surprise("the unit's notice shows what it must not")
    if DEED not in page.text or nominee.name not in page.text:
        raise Surprise("the unit's notice lacks name or deed")
    cast.told.step("officer-daizong", f"单位公示至 {shown['due_on']}:姓名、单位、一句话事迹")
    await _bring(officer, case, "unit_notice_proof:notice_certificate")
    await cast.set_clock(_morning_after(shown["due_on"]))
    await nominee.phone.until(case, "under_review")
    cast.told.step("运维", "公示期满,无异议,自动进入征求意见")


async def cleared(cast: Cast, case: str) -> None:
    """An authority's stamped reply, without which nothing goes on."""
    cast.told.chapter("征求意见:盖章回复、有效期")
    hr = await cast.at("hr-wang")
    await hr.open(f"/review/cases/{case}")
    await hr.send(f"/review/cases/{case}/act", action="clear", expected=422)
    hr.expect("公安机关尚未回复")
    await _bring(hr, case, "replies:consent_opinion")
    page = f"/review/clearances/{case}"
    await hr.open(page)
    await hr.send(
        page,
        authority="公安",
        favourable="yes",
        opinion="无违法犯罪记录",
        reference="公函〔2025〕9号",
        replied_on=f"{BEGINS + timedelta(days=7):%Y-%m-%d}",
    )
    hr.expect("公安机关同意")
    await hr.open(f"/review/cases/{case}")
    await hr.send(f"/review/cases/{case}/act", action="clear", comment="有关部门均同意")
    cast.told.step("hr-wang", "未回复 → 不能通过;登记回复后通过")


async def reviewed_twice(cast: Cast, case: str) -> None:
    """Preliminary and final review by different people; who judged once is refused the second time."""
    cast.told.chapter("两审:初审与复审由不同的人")
    await _committee(cast, case, ("reviewer-zhou", "reviewer-zheng"), "chair-han", 84)
    cast.told.step("chair-han", "初审通过")
    again = await cast.at("reviewer-zhou")
    await again.open(f"/review/cases/{case}")
    if again.offers("action", "review"):
        raise Surprise("a preliminary reviewer is offered the final review")
    cast.told.step("reviewer-zhou", "初审委员不能再参加复审")
    await _committee(cast, case, ("reviewer-chen", "reviewer-jiang", "reviewer-shen"), "chair-yang", 92)
    cast.told.step("chair-yang", "复审通过,加权得分 92.00")


async def slated(cast: Cast, campaign: str, nominee: Nurse, case: str) -> None:
    """The slate with its ratios, confirmed after the window; the city's notice."""
    cast.told.chapter("名单:名额与比例当场核对,市级公示")
    chair = await cast.at("chair-lu")
    path = f"/review/campaigns/{campaign}/slate"
    await chair.open(path)
    chair.expect(nominee.name, "92.00", "女职工")
    await chair.send(path, expected=422)
    chair.expect("推荐尚未截止")
    await cast.set_clock(BEGINS + timedelta(days=14))
    await chair.open(path)
    await chair.send(path)
    chair.expect("名单已确定")
    await chair.open("/review/notices")
    await chair.send("/review/notices")
    shown = await nominee.phone.case(case)
    if (shown["state"], shown["placement"]) != ("on_notice", "main"):
        raise Surprise(f"the nominee should be a main on notice: {shown['state']} {shown['placement']}")
    cast.told.step("chair-lu", f"1 名正选,比例全部符合;市级公示至 {shown['due_on']}")
    await cast.set_clock(_morning_after(shown["due_on"]))
    await nominee.phone.until(case, "under_review")


async def granted(cast: Cast, nominee: Nurse, case: str) -> None:
    """Document number, certificate and form as PDF, public verification, the honour roll by consent."""
    cast.told.chapter("授予:文号、证书、审批表、荣誉榜")
    chair = await cast.at("chair-xiao")
    await chair.open(f"/review/cases/{case}")
    today = BEGINS + timedelta(days=14)
    await chair.send(
        f"/review/cases/{case}/act", action="grant", document="泰会发〔2025〕30号", granted_on=f"{today:%Y-%m-%d}"
    )
    phone = nominee.phone
    shown = await phone.until(case, "granted")
    for what in ("certificate", "form"):
        answer = await phone.send("GET", f"/commendation/nominations/{case}/{what}")
        if answer.status_code != 200 or not answer.content.startswith(b"%PDF"):
            raise Surprise(f"the {what} is no PDF: {answer.status_code}")
    cast.told.step(nominee.name, f"{shown['headline']};下载证书与推荐审批表 PDF")
    page = await cast.client.get((await phone.call("GET", f"/commendation/nominations/{case}", 200))["certificate"])
    if page.status_code != 200 or "有效" not in page.text or nominee.identifier["number"] in page.text:
        raise Surprise("the public page of the certificate")
    if await _on_roll(phone, nominee.name):
        raise Surprise("the honour roll names somebody who did not consent")
    await phone.consent("publication")
    if not await _on_roll(phone, nominee.name):
        raise Surprise("the honour roll lacks somebody who consents")
    cast.told.step(nominee.name, "证书可公开核验;同意公开后才列入荣誉榜")
    record = await phone.call("GET", "/registry/record", 200)
    if not any("五一劳动奖章" in honour["title"] for honour in record["honours"]):
        raise Surprise("the honour is not on the record")
    cast.told.step(nominee.name, "个人档案里多了这项荣誉")


async def revoked(cast: Cast, nominee: Nurse, case: str) -> None:
    """The award is revoked with a reason that the certificate page shows."""
    cast.told.chapter("撤销:理由公开,证书失效")
    chair = await cast.at("chair-xiao")
    await chair.open(f"/review/cases/{case}")
    await chair.send(f"/review/cases/{case}/act", action="revoke", comment="", expected=422)
    await chair.open(f"/review/cases/{case}")
    await chair.send(f"/review/cases/{case}/act", action="revoke", comment="申报事迹与事实不符")
    path = (await nominee.phone.call("GET", f"/commendation/nominations/{case}", 200))["certificate"]
    page = await cast.client.get(path)
    if "已撤销" not in page.text or "申报事迹与事实不符" not in page.text:
        raise Surprise("the certificate page does not show the revocation")
    if await _on_roll(nominee.phone, nominee.name):
        raise Surprise("a revoked award stays on the honour roll")
    cast.told.step("chair-xiao", "撤销须写理由;证书页显示“已撤销”和理由")


async def _committee(cast: Cast, case: str, reviewers: tuple[str, ...], chair: str, score: int) -> None:
    for username in reviewers:
        reviewer = await cast.at(username)
        await reviewer.open(f"/review/cases/{case}")
        scores: dict[str, Any] = {f"score_{key}": str(score) for key in ("deeds", "conduct", "effect")}
        await reviewer.send(f"/review/cases/{case}/act", action="review", passes="yes", comment="事迹突出", **scores)
    browser = await cast.at(chair)
    await browser.open(f"/review/cases/{case}")
    await browser.send(f"/review/cases/{case}/act", action="decide", comment="按票决通过")


async def _bring(browser: Browser, case: str, requirement: str) -> None:
    """Send a paper that the present stage asks this user for."""
    await browser.open(f"/review/cases/{case}")
    title = requirement.partition(":")[2].replace("_", " ").upper()
    await browser.send(
        f"/review/cases/{case}/papers/new",
        requirement=requirement,
        files={"file": (f"{title}.png", sample_paper(title), "image/png")},
    )


async def _on_roll(phone: Phone, name: str) -> bool:
    roll = await phone.call("GET", "/commendation/honours?limit=100", 200)
    return any(item["holder"] == name for item in roll["items"])


def _morning_after(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T09:00:00").replace(tzinfo=LOCAL) + timedelta(days=1)


def _nurse(cast: Cast, name: str) -> Nurse:
    """A nurse whom nobody has met: a woman with a number and a birthday of her own in every tour."""
    number = f"137{secrets.randbelow(10**8):08d}"
    born_on = date(1980, 1, 1) + timedelta(days=secrets.randbelow(5000))
    given = "".join(secrets.choice(_GIVEN) for _ in range(2))
    return Nurse(f"{name}{given}", cast.phone(number), number, born_on, 2 * (1 + secrets.randbelow(499)))
