"""How a nurse of the tour comes to have a record: entered on her phone, verified by her unit."""

from __future__ import annotations

from typing import Any

from backend.operations.tour.cast import Cast, Nurse
from backend.operations.tour.phone import Surprise

HOSPITAL = "岱宗中心医院(示例)"


async def registers(cast: Cast, nurse: Nurse) -> None:
    """She logs in and enters her record, and her unit verifies it."""
    cast.told.chapter("登记:手机登录,填写档案,单位核实")
    phone = nurse.phone
    await phone.log_in()
    cast.told.step(nurse.name, "短信验证码登录")
    record = await record_of(nurse)
    wrong = {**record, "identifier": {**nurse.identifier, "number": _spoilt(nurse.identifier["number"])}}
    await phone.refused("PUT", "/registry/record", 422, "resident_id_check", wrong)
    cast.told.step(nurse.name, "证件号校验位错 → 422,指明哪一项")
    await phone.refused("PUT", "/registry/record", 422, "name_too_long", {**record, "name": "古" * 26})
    await phone.refused("PUT", "/registry/record", 400, "unknown_field", {**record, "salary": 1})
    cast.told.step(nurse.name, "姓名过长、不认识的字段 → 逐项说明")
    saved = await phone.call("PUT", "/registry/record", 200, record)
    await phone.consent("personal_data", "sensitive_data", "share_with_sanatorium")
    sent = await phone.call("POST", "/registry/record/submit", 200, {"version": saved["version"]})
    cast.told.step(nurse.name, f"档案已提交:{sent['headline']}(证件显示为 {sent['identifier_masked']})")
    officer = await cast.at("officer-daizong")
    await officer.open(f"/review/records/{sent['id']}")
    officer.expect(nurse.name)
    await officer.send(f"/review/records/{sent['id']}/verify")
    if (await phone.call("GET", "/registry/record", 200))["state"] != "verified":
        raise Surprise("the record is not verified")
    cast.told.step("officer-daizong", "核实档案")


async def record_of(nurse: Nurse) -> dict[str, Any]:
    """Her record as she enters it, with the unit and the emergency that her phone finds."""
    unit = (await nurse.phone.call("GET", f"/unions?q={HOSPITAL[:6]}&level=unit", 200))["items"][0]["id"]
    emergency = (await nurse.phone.call("GET", "/registry/emergencies", 200))["items"][0]["id"]
    return {
        "name": nurse.name,
        "identifier": nurse.identifier,
        "unit_id": unit,
        "department": "重症医学科",
        "population": "frontline_medical",
        "job_category": "nurse",
        "joined_unit_on": "2012-07-01",
        "certification": "commission_list",
        "list_version": "第3版",
        "services": [
            {
                "emergency_id": emergency,
                "place": "湖北省黄冈市",
                "post": "重症护理",
                "dispatch": "other_province",
                "from_on": "2020-02-09",
                "to_on": "2020-03-22",
            }
        ],
        "honours": [{"title": "全省抗疫先进个人", "level": "province", "awarded_on": "2020-09-08"}],
    }


def _spoilt(number: str) -> str:
    """The same number with another check character."""
    return number[:-1] + ("1" if number[-1] != "1" else "2")
