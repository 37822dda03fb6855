"""The story that the tour tells, chapter by chapter: two nurses of one hospital and one place."""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime, timedelta
from uuid import uuid4

from backend.clock import LOCAL
from backend.operations.demo_cases import PAPERS, sample_paper
from backend.operations.tour.browser import Browser
from backend.operations.tour.cast import Cast, Nurse, new_nurse
from backend.operations.tour.phone import Surprise
from backend.operations.tour.registration import record_of, registers

#: Played in a year that the calendar covers and that nothing of the demonstration's own lives in.
BEGINS = datetime(2025, 3, 3, 9, 0, tzinfo=LOCAL)
STAY = {
    "companions": 1,
    "health": {"fit_to_travel": True, "conditions": "青霉素过敏"},
    "contact": {"name": "马某某", "phone": "13800379998", "relation": "配偶"},
}
_WAIT_S = 60.0


async def play(cast: Cast) -> None:
    """The whole story; raises Surprise at the first thing that does not come out as told."""
    try:
        await cast.set_clock(BEGINS)
        cast.told.step("运维", f"业务时钟设为 {BEGINS:%Y-%m-%d %H:%M}(命令行)")
        first, second = new_nurse(cast, "古丽·买买提"), new_nurse(cast, "沈静")
        await registers(cast, first)
        batch = await batch_opens(cast)
        case = await applies(cast, first, batch)
        other = await officer_files(cast, second, batch)
        await unit_and_papers(cast, (case, other))
        await committee_decides(cast, (case, other))
        token = await allocation_and_notice(cast, batch, first, case)
        await objection(cast, token, first, case)
        await places(cast, batch, first, case, second, other)
        await looks_back(cast, case, other)
    finally:
        await cast.close()


async def batch_opens(cast: Cast, places: int = 1) -> str:
    """HR drafts a batch of so many places, a chair opens it."""
    cast.told.chapter("批次:拟定、分配名额、由另一人开放")
    hr = await cast.at("hr-wang")
    await hr.open("/review/batches/new")
    starts = BEGINS.date() + timedelta(days=56)
    name = f"巡演批次 {secrets.token_hex(3)}"
    await hr.send(
        "/review/batches",
        name=name,
        sanatorium="崂山",
        emergency="疫情",
        starts_on=starts.isoformat(),
        ends_on=(starts + timedelta(days=6)).isoformat(),
        capacity=str(places),
        cost_yuan="500.00",
        funding_source="市总专项资金",
        companion_rule="self_paid",
        opens_at=f"{BEGINS:%Y-%m-%dT00:00}",
        closes_at=f"{BEGINS + timedelta(days=14):%Y-%m-%dT18:00}",
        confirm_working_days="3",
    )
    batch = hr.id_of("/review/batches/")
    hr.expect(name)
    cast.told.step("hr-wang", f"拟定“{name}”:{places} 个名额,7 天,每人每天 500 元")
    chair = await cast.at("chair-han")
    await chair.open(f"/review/batches/{batch}")
    await chair.send(f"/review/batches/{batch}/quota", union="岱宗中心医院", places=str(places), reason="按一线人数")
    await chair.open(f"/review/batches/{batch}")
    await chair.send(f"/review/batches/{batch}/open")
    cast.told.step("chair-han", "名额分到单位,开放申请")
    return batch


async def applies(cast: Cast, nurse: Nurse, batch: str) -> str:
    """The first nurse checks herself, uploads her papers and submits."""
    cast.told.chapter("申请:先自查,再上传材料,提交一次")
    phone = nurse.phone
    judged = await phone.call("GET", f"/recuperation/batches/{batch}/eligibility", 200)
    broken = [check["code"] for check in judged["checks"] if not check["passed"]]
    if sorted(broken) != ["health_not_declared", "merit_not_evidenced"]:
        raise Surprise(f"unexpected rules are broken: {broken}")
    lines = "、".join(f"{line['label']} {line['points']}" for line in judged["point_lines"])
    cast.told.step(nurse.name, f"自查:优先分 {judged['points']}({lines})")
    huge = {
        "kind": "work_permit",
        "name": "大.pdf",
        "size": 21 * 1024 * 1024,
        "sha256": "0" * 64,
        "media_type": "application/pdf",
    }
    await phone.refused("POST", "/documents", 413, "file_too_large", huge)
    program = await phone.upload("work_permit", b"MZ" + secrets.token_bytes(4000), "image/jpeg", "工作证.jpg")
    refused = await phone.checked(program)
    if refused["state"] != "refused":
        raise Surprise("a program passed for a picture")
    cast.told.step(nurse.name, f"21 MB → 413;改名的程序 → {refused['state_label']}:{refused['problem']}")
    papers = []
    for requirement, kind, title in PAPERS:
        upload = await phone.upload(kind, sample_paper(title))
        papers.append((requirement, upload))
        if (await phone.checked(upload))["state"] != "checked":
            raise Surprise(f"the paper for {requirement} was not accepted by the check")
    cast.told.step(nurse.name, f"{len(papers)} 份材料直传存储,文件检查通过")
    key = uuid4().hex
    drafted = await phone.call("POST", "/recuperation/requests", 201, {"batch_id": batch, **STAY}, key=key)
    again = await phone.call("POST", "/recuperation/requests", 201, {"batch_id": batch, **STAY}, key=key)
    if drafted["id"] != again["id"]:
        raise Surprise("a double tap made two requests")
    path = f"/applications/{drafted['id']}/submit"
    problem = await phone.refused("POST", path, 422, "paper_missing", {"version": drafted["version"]})
    cast.told.step(nurse.name, f"缺材料提交 → 422,一次列出 {len(problem['violations'])} 项")
    for requirement, upload in papers:
        body = {"requirement": requirement, "upload_id": upload}
        await phone.call("POST", f"/applications/{drafted['id']}/papers", 200, body)
    sent = await phone.call("POST", path, 200, {"version": drafted["version"]}, key=key)
    await phone.call("POST", path, 200, {"version": drafted["version"]}, key=key)
    await phone.refused("POST", path, 409, "stale_version", {"version": drafted["version"]})
    cast.told.step(nurse.name, f"提交 {sent['number']}:{sent['headline']}{sent['acts_next']}")
    stranger = new_nurse(cast, "路人")
    await stranger.phone.log_in()
    await stranger.phone.refused("GET", f"/applications/{drafted['id']}", 404, "not_found")
    cast.told.step("另一部手机", "看不到别人的申请(404)")
    return str(drafted["id"])


async def officer_files(cast: Cast, nurse: Nurse, batch: str) -> str:
    """The officer reports the second nurse and files for her; her phone finds both."""
    cast.told.chapter("代办:经办人登记职工并代为申请")
    officer = await cast.at("officer-daizong")
    await officer.open("/review/records/new")
    await officer.send(
        "/review/records",
        name=nurse.name,
        identifier_number=nurse.identifier["number"],
        phone=nurse.number,
        unit="岱宗中心医院",
        department="急诊科",
        population="frontline_medical",
        job_category="nurse",
        joined_unit_on="2016-07-01",
        certification="commission_list",
        list_version="第3版",
        service_emergency="疫情",
        service_place="本院发热门诊",
        service_post="护理",
        service_dispatch="none",
        service_from_on="2020-02-01",
        service_to_on="2020-02-20",
    )
    cast.told.step("officer-daizong", f"登记 {nurse.name}(视为已核实)")
    phone = nurse.phone
    await phone.log_in()
    found = await phone.call("PUT", "/registry/record", 200, await record_of(nurse))
    if (found["source"], found["state"]) != ("unit", "verified"):
        raise Surprise(f"the phone on the record did not find it: {found['source']} {found['state']}")
    await phone.consent("personal_data", "sensitive_data", "share_with_sanatorium")
    cast.told.step(nurse.name, "用档案上的手机登录,接上单位登记的档案,并同意使用信息")
    await officer.open("/review/file")
    await officer.send("/review/file/find", q=nurse.identifier["number"])
    await officer.send(
        "/review/file",
        person=nurse.name,
        batch=batch,
        companions="0",
        fit="yes",
        contact_name="沈某某",
        contact_phone="13800379997",
        contact_relation="父亲",
    )
    case = officer.id_of("/review/cases/")
    for requirement, kind, title in PAPERS:
        await officer.open(f"/review/cases/{case}")
        await officer.send(
            f"/review/cases/{case}/papers/new",
            requirement=f"{requirement}:{kind}",
            files={"file": (f"{kind}.png", sample_paper(title), "image/png")},
        )
    await _attached(officer, case)
    await officer.open(f"/review/cases/{case}")
    await officer.send(f"/review/cases/{case}/act", action="submit")
    shown = await phone.case(case)
    if shown["state"] != "submitted" or not shown["filed_by"]:
        raise Surprise(f"the case does not show that it was filed: {shown['state']} {shown['filed_by']}")
    cast.told.step(nurse.name, f"看到 {shown['number']},由 {shown['filed_by']} 代为申请")
    return case


async def unit_and_papers(cast: Cast, cases: tuple[str, ...]) -> None:
    """The unit's officer checks, HR verifies each paper."""
    cast.told.chapter("审核:单位审核,HR 逐份核验材料")
    officer, hr = await cast.at("officer-daizong"), await cast.at("hr-sun")
    for case in cases:
        await officer.open(f"/review/cases/{case}")
        await officer.send(f"/review/cases/{case}/act", action="approve", comment="情况属实")
    cast.told.step("officer-daizong", "单位审核通过,自动到下一件")
    foreign = await cast.at("officer-dailu")
    await foreign.open(f"/review/cases/{cases[0]}", 404)
    cast.told.step("officer-dailu", "别的单位的申请不存在(404)")
    await hr.open(f"/review/cases/{cases[0]}")
    await hr.send(f"/review/cases/{cases[0]}/act", action="approve", comment="", expected=422)
    cast.told.step("hr-sun", "材料未核验就通过 → 被拒,说明缺哪几份")
    for case in cases:
        for _ in PAPERS:
            await verify_next_paper(hr, case)
        await hr.open(f"/review/cases/{case}")
        await hr.send(f"/review/cases/{case}/act", action="approve")
    cast.told.step("hr-sun", f"核验 {len(PAPERS) * len(cases)} 份材料并通过")


async def committee_decides(cast: Cast, cases: tuple[str, ...]) -> None:
    """Three independent reviews, one refused for conflict, the chair's verdict by tally."""
    cast.told.chapter("评审:独立评分互不可见,回避,按票决")
    own_unit = await cast.at("reviewer-feng")
    await own_unit.open(f"/review/cases/{cases[0]}")
    if any(form.action.endswith("/act") for form in own_unit.page.forms):
        await own_unit.send(
            f"/review/cases/{cases[0]}/act",
            expected=403,
            action="review",
            passes="yes",
            score_contribution="90",
            score_performance="90",
            score_need="90",
        )
    cast.told.step("reviewer-feng", "本单位职工的申请须回避")
    for username, score in (("reviewer-zhou", 90), ("reviewer-zheng", 80), ("reviewer-chen", 85)):
        reviewer = await cast.at(username)
        for case in cases:
            await reviewer.open(f"/review/cases/{case}")
            if username != "reviewer-zhou" and "援鄂护理表现突出" in reviewer.page.text:
                raise Surprise(f"{username} sees a colleague's review before giving their own")
            await reviewer.send(
                f"/review/cases/{case}/act",
                action="review",
                passes="yes",
                score_contribution=str(score),
                score_performance=str(score - 5),
                score_need=str(score - 10),
                comment="援鄂护理表现突出",
            )
        cast.told.step(username, f"评分 {score}/{score - 5}/{score - 10},通过")
    chair = await cast.at("chair-han")
    for case in cases:
        await chair.open(f"/review/cases/{case}")
        await chair.send(f"/review/cases/{case}/act", action="decide", comment="按票决通过")
    cast.told.step("chair-han", "票决通过")


async def allocation_and_notice(cast: Cast, batch: str, nurse: Nurse, case: str) -> str:
    """Places by rank, then the public notice; the path of the notice."""
    cast.told.chapter("名额与公示:按分排序,公示至少 5 个工作日")
    chair = await cast.at("chair-han")
    await chair.open(f"/review/batches/{batch}")
    await chair.send(f"/review/batches/{batch}/allocate", expected=422)
    chair.expect("申请尚未截止")
    await cast.set_clock(BEGINS + timedelta(days=15))
    cast.told.step("运维", "业务时钟拨到申请截止之后")
    await chair.open(f"/review/batches/{batch}")
    await chair.send(f"/review/batches/{batch}/allocate")
    chair.expect("名额已分配")
    await chair.send(f"/review/batches/{batch}/notice")
    shown = await nurse.phone.case(case)
    if (shown["state"], shown["placement"]) != ("on_notice", "main"):
        raise Surprise(f"the first nurse should be a main on notice: {shown['state']} {shown['placement']}")
    page = await cast.client.get(shown["notice"])
    if page.status_code != 200 or nurse.name not in page.text or "noindex" not in page.headers["X-Robots-Tag"]:
        raise Surprise(f"the public notice: {page.status_code}")
    for secret in (nurse.number, nurse.identifier["number"], "青霉素"):
        if secret in page.text:
            raise Surprise("the public notice shows what it must not")
    cast.told.step("chair-han", f"分配 1 正选 1 递补并公示至 {shown['due_on']};公示页无证件、手机、病情")
    return str(shown["notice"])


async def objection(cast: Cast, notice: str, nurse: Nurse, case: str) -> None:
    """Somebody objects to the first nurse; an uninvolved chair finds nothing in it."""
    cast.told.chapter("异议:只停被指名的一件,由未参与的人核实")
    objector = new_nurse(cast, "周某")
    phone = objector.phone
    await phone.log_in()
    await phone.call("PUT", "/registry/record", 200, await record_of(objector))
    chair = await cast.at("chair-han")
    await chair.open("/review/notices")
    notice_id = chair.id_of("/review/notices/")
    body = {"application_id": case, "words": "该同志的一线时间与实际不符,请核实。"}
    await phone.call("POST", f"/notices/{notice_id}/objections", 201, body)
    if (await nurse.phone.case(case))["state"] != "objected":
        raise Surprise("the objection did not stop the case")
    cast.told.step(objector.name, "对一人提出异议;该件暂停")
    await chair.open(f"/review/cases/{case}")
    if any(form.action.endswith("/act") for form in chair.page.forms):
        await chair.send(f"/review/cases/{case}/act", expected=403, action="dismiss", comment="无异议")
    other = await cast.at("chair-yang")
    await other.open(f"/review/cases/{case}")
    other.expect("该同志的一线时间与实际不符")
    await other.send(f"/review/cases/{case}/act", action="dismiss", comment="经核实,一线时间与名单一致")
    if (await nurse.phone.case(case))["state"] != "on_notice":
        raise Surprise("the dismissed objection did not let the case go on")
    cast.told.step("chair-yang", "核实:异议不成立,继续公示(经办过的主任不能办)")


async def places(cast: Cast, batch: str, first: Nurse, case: str, second: Nurse, other: str) -> None:
    """The notice ends, the first declines, the second moves up and confirms."""
    cast.told.chapter("确认:放弃的名额立即递补")
    await cast.set_clock(BEGINS + timedelta(days=23))
    offered = await first.phone.until(case, "approved")
    await second.phone.until(other, "reserve")
    cast.told.step("值守进程", f"公示期满;请在 {offered['due_on']} 前确认")
    declined = await first.phone.act(case, "decline")
    promoted = await second.phone.case(other)
    if (declined["state"], promoted["state"]) != ("declined", "approved"):
        raise Surprise(f"nobody moved up: {declined['state']} {promoted['state']}")
    cast.told.step(first.name, "放弃名额 → 递补第一位立即获得")
    confirmed = await second.phone.act(other, "confirm")
    if confirmed["state"] != "confirmed":
        raise Surprise(f"not confirmed: {confirmed['state']}")
    cast.told.step(second.name, f"确认参加:{confirmed['headline']}")
    titles = [message["title"] for message in (await second.phone.call("GET", "/inbox", 200))["items"]]
    if "您已递补获得名额" not in titles:
        raise Surprise(f"no message about the promotion: {titles}")
    chair = await cast.at("chair-han")
    await chair.open(f"/review/batches/{batch}")
    await chair.send(f"/review/batches/{batch}/roster", reason="交崂山疗养院接待用")
    if not chair.content.startswith(b"PK"):
        raise Surprise("the roster is no Excel file")
    reviewer = await cast.at("reviewer-zhou")
    await reviewer.open(f"/review/batches/{batch}")
    if any(form.action.endswith("/roster") for form in reviewer.page.forms):
        raise Surprise("a reviewer is offered the roster")
    cast.told.step("chair-han", f"下载 Excel 名册({len(chair.content)} 字节),留痕;评审委员没有这个权限")
    await cast.set_clock(BEGINS + timedelta(days=70))
    done = await second.phone.until(other, "completed")
    cast.told.step("值守进程", f"行程结束:{done['headline']}")


async def looks_back(cast: Cast, case: str, other: str) -> None:
    """The auditor reads all of it and changes nothing; security sees no case."""
    cast.told.chapter("回看:经审只读,安全管理员看不到案件")
    auditor = await cast.at("auditor-xu")
    for seen in (case, other):
        await auditor.open(f"/review/cases/{seen}")
        auditor.expect("经过")
        if any(form.action.endswith("/act") for form in auditor.page.forms):
            raise Surprise("an auditor is offered an act")
    cast.told.step("auditor-xu", "逐步看到谁、何时、为何;没有任何操作按钮")
    security = await cast.at("security")
    await security.open(f"/review/cases/{case}", 404)
    cast.told.step("security", "案件不存在(404)")


async def verify_next_paper(hr: Browser, case: str) -> None:
    """Open the first paper that waits and verify it."""
    await hr.open(f"/review/cases/{case}")
    for link in dict.fromkeys(link for link in hr.page.links if "paper=" in link):
        await hr.open(link if link.startswith("/") else f"/review/cases/{case}{link}")
        verdict = hr.offers("outcome", "verified")
        if verdict is not None:
            await hr.send(verdict, outcome="verified")
            return
    raise Surprise(f"no paper waits for a verdict on {case}: {hr.page.links}")


async def _attached(officer: Browser, case: str) -> None:
    """Wait until the worker has checked the files that the officer sent."""
    for _ in range(int(_WAIT_S / 0.5)):
        await officer.open(f"/review/cases/{case}")
        if "正在检查文件" not in officer.page.text:
            return
        await asyncio.sleep(0.5)
    raise Surprise("the officer's files were not checked in time")
