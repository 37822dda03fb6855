"""What a worker's record is made of: the closed lists, with their words; stored values never change."""

from __future__ import annotations

from enum import StrEnum

from backend.words import Text


class RecordState(StrEnum):
    """How far a record has come."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    VERIFIED = "verified"
    RETURNED = "returned"


STATE_LABELS = {
    RecordState.DRAFT: Text("草稿", "Draft"),
    RecordState.SUBMITTED: Text("等待单位工会核实", "Waiting for your unit"),
    RecordState.VERIFIED: Text("已核实", "Verified"),
    RecordState.RETURNED: Text("退回修改", "Returned for changes"),
}


class Population(StrEnum):
    """Whom the notices speak of (domain terms: 一线医务人员, 一线职工, 重点工程建设者)."""

    FRONTLINE_MEDICAL = "frontline_medical"
    FRONTLINE_WORKER = "frontline_worker"
    KEY_PROJECT_BUILDER = "key_project_builder"


POPULATION_LABELS = {
    Population.FRONTLINE_MEDICAL: Text("一线医务人员", "Frontline medical staff"),
    Population.FRONTLINE_WORKER: Text("一线职工", "Frontline worker"),
    Population.KEY_PROJECT_BUILDER: Text("重点工程建设者", "Key-project builder"),
}


class JobCategory(StrEnum):
    """What somebody works as."""

    DOCTOR = "doctor"
    NURSE = "nurse"
    LABORATORY = "laboratory"
    IMAGING = "imaging"
    INFECTION_CONTROL = "infection_control"
    AMBULANCE_DRIVER = "ambulance_driver"
    EPIDEMIOLOGIST = "epidemiologist"
    POLICE = "police"
    SANITATION = "sanitation"
    LOGISTICS = "logistics"
    MASK_FACTORY = "mask_factory"
    BUILDER = "builder"
    OTHER = "other"


JOB_LABELS = {
    JobCategory.DOCTOR: Text("医师", "Doctor"),
    JobCategory.NURSE: Text("护士", "Nurse"),
    JobCategory.LABORATORY: Text("检验", "Laboratory"),
    JobCategory.IMAGING: Text("影像", "Imaging"),
    JobCategory.INFECTION_CONTROL: Text("院感", "Infection control"),
    JobCategory.AMBULANCE_DRIVER: Text("急救司机", "Ambulance driver"),
    JobCategory.EPIDEMIOLOGIST: Text("疾控流调", "Epidemiologist"),
    JobCategory.POLICE: Text("公安", "Police"),
    JobCategory.SANITATION: Text("环卫", "Sanitation"),
    JobCategory.LOGISTICS: Text("物流", "Logistics"),
    JobCategory.MASK_FACTORY: Text("口罩厂工人", "Mask factory worker"),
    JobCategory.BUILDER: Text("工程建设者", "Builder"),
    JobCategory.OTHER: Text("其他", "Other"),
}


class Certification(StrEnum):
    """Who says that somebody is frontline staff."""

    COMMISSION_LIST = "commission_list"
    UNIT_CERTIFIED = "unit_certified"


CERTIFICATION_LABELS = {
    Certification.COMMISSION_LIST: Text("卫健委名单", "Listed by the health commission"),
    Certification.UNIT_CERTIFIED: Text("单位证明", "Certified by the unit"),
}


class Dispatch(StrEnum):
    """From where to where somebody was sent to serve."""

    NONE = "none"
    IN_PROVINCE = "in_province"
    OTHER_PROVINCE = "other_province"


DISPATCH_LABELS = {
    Dispatch.NONE: Text("本地", "At home"),
    Dispatch.IN_PROVINCE: Text("省内支援", "Sent within the province"),
    Dispatch.OTHER_PROVINCE: Text("援外省", "Sent to another province"),
}


class HonourLevel(StrEnum):
    """Who awarded a commendation."""

    NATIONAL = "national"
    PROVINCE = "province"
    CITY = "city"
    COUNTY = "county"
    UNIT = "unit"


HONOUR_LABELS = {
    HonourLevel.NATIONAL: Text("国家级", "National"),
    HonourLevel.PROVINCE: Text("省级", "Provincial"),
    HonourLevel.CITY: Text("市级", "City"),
    HonourLevel.COUNTY: Text("县级", "County"),
    HonourLevel.UNIT: Text("单位", "Unit"),
}
