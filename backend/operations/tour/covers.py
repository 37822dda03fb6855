"""The story of a cover: a nurse joins with her child, both are covered, she leaves; her unit, the insurer's list."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from backend.clock import LOCAL
from backend.operations.demo_cases import sample_paper
from backend.operations.demo_people import resident_id
from backend.operations.tour.cast import Cast, Nurse, new_nurse
from backend.operations.tour.phone import Surprise
from backend.operations.tour.registration import registers
from backend.operations.tour.story import verify_next_paper

#: Played after the story of the stay, in the same year.
BEGINS = datetime(2025, 6, 3, 9, 0, tzinfo=LOCAL)
WELL = {"healthy": True, "conditions": ""}
CONDITION = "青霉素过敏"
PLAN, WOMEN = "职工大病互助保障", "女职工特殊疾病互助保障"
HOME = "/review/mutual-aid"


async def play_covers(cast: Cast) -> None:
    """The whole story; raises Surprise at the first thing that does not come out as told."""
    try:
        await cast.set_clock(BEGINS)
        cast.told.step("运维", f"业务时钟设为 {BEGINS:%Y-%m-%d %H:%M}(命令行)")
        nurse = new_nurse(cast, "马小兰")
        await registers(cast, nurse)
        child = await family(cast, nurse)
        case = await joins(cast, nurse, child)
        await assessed(cast, nurse, case)
        await covered(cast, nurse)
        await unit_joins(cast)
        await leaves(cast, nurse)
    finally:
        await cast.close()


async def family(cast: Cast, nurse: Nurse) -> str:
    """She declares her child with a paper and agrees as the guardian; the relation."""
    cast.told.chapter("家属:申报子女,上传证明,监护人同意")
    phone = nurse.phone
    await phone.consent("share_with_insurer")
    register = await phone.upload("household_register", sample_paper("HOUSEHOLD REGISTER"))
    await phone.checked(register)
    born_on = date(2018, 6, 1) + timedelta(days=nurse.serial)
    declared = await phone.call(
        "POST",
        "/registry/family",
        201,
        {
            "name": "马小宝",
            "identifier": {"type": "resident_id", "number": resident_id(born_on, nurse.serial)},
            "kind": "child",
            "evidence": register,
        },
    )
    texts = (await phone.call("GET", "/consents/texts", 200))["items"]
    for text in texts:
        if text["purpose"] in ("personal_data", "sensitive_data", "share_with_insurer"):
            body = {"purpose": text["purpose"], "text_version": text["text_version"]}
            await phone.call("POST", f"/registry/family/{declared['id']}/consents", 200, body)
    cast.told.step(nurse.name, "申报子女(户口簿为证),作为监护人分别同意三项用途")
    return str(declared["id"])


async def joins(cast: Cast, nurse: Nurse, child: str) -> str:
    """She looks before, mends what is wrong, and joins for herself and the child; the case."""
    cast.told.chapter("参保:先看再报,一次为本人和子女参保")
    phone = nurse.phone
    plans = {plan["name"]: plan for plan in await phone.call("GET", "/mutual-aid/plans", 200)}
    plan = plans[PLAN]["id"]
    detail = await phone.call("GET", f"/mutual-aid/plans/{plan}", 200)
    cast.told.step(
        nurse.name, f"看到 {len(plans)} 个计划;“{PLAN}”每项数字都有依据,如:{detail['benefits'][0]['clause']}"
    )
    heirs = [{"name": "马大山", "relation": "spouse", "percent": 99}]
    members: list[dict[str, Any]] = [
        {"health": {"healthy": False, "conditions": CONDITION}, "beneficiaries": heirs},
        {"relation_id": child, "health": WELL},
    ]
    look = await phone.call("POST", f"/mutual-aid/plans/{plan}/preview", 200, {"shares": 2, "members": members})
    broken = [check["code"] for one in look["members"] for check in one["checks"] if not check["passed"]]
    if broken != ["shares_equal", "shares_sum"]:
        raise Surprise(f"unexpected rules are broken: {broken}")
    cast.told.step(nurse.name, "2 份(本单位每人 1 份)、受益比例合计 99% → 一次指明两项;其余符合")
    heirs[0]["percent"] = 100
    look = await phone.call("POST", f"/mutual-aid/plans/{plan}/preview", 200, {"shares": 1, "members": members})
    first = look["members"][0]
    cast.told.step(
        nurse.name,
        f"预览:互助费 {look['you_pay_fen'] / 100:.2f} 元,由{look['payer_label']}承担;"
        f"{first['starts_on']} 起,等待至 {first['waits_until']}",
    )
    made = await phone.call("POST", "/mutual-aid/enrolments", 201, {"plan_id": plan, "shares": 1, "members": members})
    card = await phone.upload("resident_id", sample_paper("RESIDENT ID CARD"))
    await phone.checked(card)
    body = {"requirement": "identity", "upload_id": card}
    await phone.call("POST", f"/applications/{made['id']}/papers", 200, body)
    sent = await phone.call("POST", f"/applications/{made['id']}/submit", 200, {"version": made["version"]})
    cast.told.step(nurse.name, f"提交 {sent['number']}:{sent['headline']}")
    again = await phone.call("POST", "/mutual-aid/enrolments", 201, {"plan_id": plan, "shares": 1, "members": members})
    await phone.call("POST", f"/applications/{again['id']}/papers", 200, body)
    await phone.refused("POST", f"/applications/{again['id']}/submit", 422, "under_way", {"version": again["version"]})
    cast.told.step(nurse.name, "同一人再报一次 → 422:已有一件在办理")
    return str(made["id"])


async def assessed(cast: Cast, nurse: Nurse, case: str) -> None:
    """The unit, the papers, then somebody who did not verify decides on each person."""
    cast.told.chapter("办理:单位审核,核验材料,另一人逐人核定")
    officer, verifier, underwriter = [await cast.at(name) for name in ("officer-daizong", "hr-sun", "hr-wang")]
    await officer.open(f"/review/cases/{case}")
    if CONDITION in officer.page.text:
        raise Surprise("the case page shows a health declaration")
    await officer.send(f"/review/cases/{case}/act", action="approve", comment="在岗,情况属实")
    for _ in range(2):
        await verify_next_paper(verifier, case)
    await verifier.open(f"/review/cases/{case}")
    await verifier.send(f"/review/cases/{case}/act", action="approve")
    cast.told.step("hr-sun", "核验身份证和关系证明并通过")
    await verifier.open(f"/review/cases/{case}")
    if any(form.action.endswith("/act") for form in verifier.page.forms):
        raise Surprise("who verified the papers is offered the assessment")
    cast.told.step("hr-sun", "核验过的人不能核定")
    await underwriter.open(f"{HOME}/health/{case}")
    await underwriter.send(f"{HOME}/health/{case}", reason="核定参保资格")
    underwriter.expect(CONDITION)
    cast.told.step("hr-wang", "写明理由后查看健康告知,留痕")
    await underwriter.open(f"/review/cases/{case}")
    form = next(form for form in underwriter.page.forms if any(name.startswith("verdict_") for name in form.fields))
    verdicts = {name: "accepted" for name in form.fields if name.startswith("verdict_")}
    await underwriter.send(form.action, expected=422, action="assess", files=None, **verdicts)
    underwriter.expect("与建议不同,请写明理由")
    reasons = {name.replace("verdict_", "reason_"): "过敏史不影响保障责任" for name in verdicts}
    await underwriter.send(form.action, expected=200, action="assess", files=None, **verdicts, **reasons)
    cast.told.step("hr-wang", f"逐人核定 {len(verdicts)} 人;与建议不同必须写明理由")
    if (await nurse.phone.call("GET", f"/applications/{case}", 200))["state"] != "approved":
        raise Surprise("the enrolment is not assessed")


async def covered(cast: Cast, nurse: Nurse) -> None:
    """She asks whether she is covered on a day, and takes the proof that anybody can check."""
    cast.told.chapter("保障:哪天在保、等待什么、受益人是谁;凭证可验证")
    phone = nurse.phone
    starts = BEGINS.date() + timedelta(days=1)
    for day in (BEGINS.date(), starts, starts + timedelta(days=30), starts + timedelta(days=90)):
        told = await phone.call("GET", f"/mutual-aid/covers?on={day}", 200)
        mine = next(one for one in told["covers"] if one["who"] == "self")
        pays = mine["benefits"][0]
        cast.told.step(
            nurse.name, f"{day}:{mine['state_label']},{pays['label']}给付 {pays['amount_fen'] / 100:,.0f} 元"
        )
    amounts = pays["amount_fen"], pays["full_fen"]
    if amounts != (1_000_000, 1_000_000) or mine["beneficiaries"][0]["percent"] != 100:
        raise Surprise(f"not as the plan says: {mine}")
    answer = await phone.send("GET", f"/mutual-aid/covers/{mine['id']}/certificate")
    if answer.status_code != 200 or not answer.content.startswith(b"%PDF"):
        raise Surprise(f"no proof of cover: {answer.status_code}")
    cast.told.step(nurse.name, f"下载保障凭证 {mine['number']}(PDF,{len(answer.content)} 字节,含二维码)")


async def unit_joins(cast: Cast) -> None:
    """The unit's officer picks staff for the women's plan and sees what is missing."""
    cast.told.chapter("集体参保:团体条件当场算出")
    officer = await cast.at("officer-daizong")
    await officer.open(HOME)
    officer.expect(WOMEN, "不少于 20 人")
    form = next(form for form in officer.page.forms if form.action.endswith("/groups/new"))
    await officer.open(f"{HOME}/groups/new?plan={form.fields['plan']}&unit={form.fields['unit']}")
    officer.expect("团体条件", "还差")
    cast.told.step("officer-daizong", "从在册职工中挑选;人数和比例还差多少,逐条列明")
    await officer.open(f"{HOME}/gaps")
    officer.expect("今天有保障")
    cast.told.step("officer-daizong", "查看未保障的一线人员及原因")


async def leaves(cast: Cast, nurse: Nurse) -> None:
    """She leaves the unit: what ends is shown before; the insurer learns it from a list that adds up."""
    cast.told.chapter("变动:离开单位,保障按规定终止;名单有控制总数")
    officer = await cast.at("officer-daizong")
    await officer.open(f"{HOME}/covers")
    await officer.send(f"{HOME}/covers/find", q=nurse.identifier["number"])
    officer.expect("马小兰", "马小宝", "法定继承人")
    path = next(link for link in officer.page.links if link.startswith(f"{HOME}/departures/"))
    await cast.set_clock(BEGINS + timedelta(days=60))
    last = (BEGINS + timedelta(days=59)).date().isoformat()
    links = dict.fromkeys(link for link in officer.page.links if link.startswith(f"{HOME}/departures/"))
    for path in links:
        await officer.open(path)
        await officer.send(path, do="look", reason="left", on=last)
        if officer.page.text.count(f"终止于 {last}") == 2:
            break
    else:
        raise Surprise("leaving does not end both covers")
    cast.told.step("officer-daizong", "先看影响:本人和子女两份保障都将终止")
    await officer.send(path, do="end", reason="left", on=last)
    told = await nurse.phone.call("GET", "/mutual-aid/covers", 200)
    if [one["state"] for one in told["covers"]] != ["ended", "ended"]:
        raise Surprise(f"the covers did not end: {told}")
    cast.told.step(nurse.name, f"收到提醒;两份保障最后一天为 {last}")
    hr = await cast.at("hr-wang")
    await hr.open(f"{HOME}/lists")
    await hr.send(
        f"{HOME}/lists",
        plan=PLAN,
        from_on=BEGINS.date().isoformat(),
        to_on=(BEGINS + timedelta(days=60)).date().isoformat(),
        reason="报送承办机构",
    )
    if not hr.content.startswith(b"PK"):
        raise Surprise("the insurer's list is no Excel file")
    cast.told.step("hr-wang", f"导出承办机构名单({len(hr.content)} 字节,含控制总数),留痕")
