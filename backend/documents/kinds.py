"""What kinds of paper there are, what a file may be, and how far a paper may move."""

from __future__ import annotations

from enum import StrEnum

from backend.words import Text


class PaperKind(StrEnum):
    """The papers that people send; a stored value never changes."""

    RESIDENT_ID = "resident_id"
    WORK_PERMIT = "work_permit"
    PRACTICE_LICENCE = "practice_licence"
    DISPATCH_PROOF = "dispatch_proof"
    HOUSEHOLD_REGISTER = "household_register"
    MARRIAGE_CERTIFICATE = "marriage_certificate"
    BIRTH_CERTIFICATE = "birth_certificate"
    GUARDIANSHIP_PROOF = "guardianship_proof"
    CONSENT_FORM = "consent_form"
    DIAGNOSIS = "diagnosis"
    DISCHARGE_SUMMARY = "discharge_summary"
    INVOICE = "invoice"
    MERIT_STATEMENT = "merit_statement"
    NOMINATION_FORM = "nomination_form"
    CONGRESS_MINUTES = "congress_minutes"
    NOTICE_PHOTO = "notice_photo"
    NOTICE_CERTIFICATE = "notice_certificate"
    CONSENT_OPINION = "consent_opinion"
    HEALTH_DECLARATION = "health_declaration"


KIND_LABELS = {
    PaperKind.RESIDENT_ID: Text("身份证", "Resident identity card"),
    PaperKind.WORK_PERMIT: Text("工作证", "Work permit"),
    PaperKind.PRACTICE_LICENCE: Text("医师/护士执业证", "Practice licence"),
    PaperKind.DISPATCH_PROOF: Text("援鄂(外派)证明", "Proof of dispatch"),
    PaperKind.HOUSEHOLD_REGISTER: Text("户口簿", "Household register"),
    PaperKind.MARRIAGE_CERTIFICATE: Text("结婚证", "Marriage certificate"),
    PaperKind.BIRTH_CERTIFICATE: Text("出生医学证明", "Birth certificate"),
    PaperKind.GUARDIANSHIP_PROOF: Text("监护关系证明", "Proof of guardianship"),
    PaperKind.CONSENT_FORM: Text("本人签字的同意书", "Signed consent form"),
    PaperKind.DIAGNOSIS: Text("诊断证明", "Diagnosis"),
    PaperKind.DISCHARGE_SUMMARY: Text("出院小结", "Discharge summary"),
    PaperKind.INVOICE: Text("发票", "Invoice"),
    PaperKind.MERIT_STATEMENT: Text("事迹材料", "Merit statement"),
    PaperKind.NOMINATION_FORM: Text("推荐审批表", "Nomination form"),
    PaperKind.CONGRESS_MINUTES: Text("职代会纪要", "Minutes of the workers' congress"),
    PaperKind.NOTICE_PHOTO: Text("公示照片", "Photograph of the notice"),
    PaperKind.NOTICE_CERTIFICATE: Text("公示证明", "Certificate of the notice"),
    PaperKind.CONSENT_OPINION: Text("征求意见表", "Consent opinion"),
    PaperKind.HEALTH_DECLARATION: Text("健康申报/体检", "Health declaration"),
}


#: Kinds that hold for a time: whoever verifies one says until when, or that it has no end. Others may have a day too.
EXPIRING = frozenset({PaperKind.PRACTICE_LICENCE})


class MediaType(StrEnum):
    """What a file may be."""

    PDF = "application/pdf"
    JPEG = "image/jpeg"
    PNG = "image/png"
    HEIC = "image/heic"


#: Bytes in one file.
SIZE_LIMIT = 20 * 1024 * 1024

#: Bytes above which a file may come in parts, so that a lost connection does not cost all of it.
IN_PARTS_ABOVE = 8 * 1024 * 1024

NAME_LIMIT = 120


class PaperState(StrEnum):
    """How far a paper has come; a stored value never changes."""

    RESERVED = "reserved"
    UPLOADED = "uploaded"
    CHECKED = "checked"
    REFUSED = "refused"
    VERIFIED = "verified"
    REJECTED = "rejected"
    EXPIRED = "expired"
    ERASED = "erased"


#: From each state, the states that may follow. A verified paper may still be rejected: it was seen too kindly. One
#: whose file the store has lost is refused, so that nobody relies on it.
NEXT = {
    PaperState.RESERVED: frozenset({PaperState.UPLOADED, PaperState.EXPIRED, PaperState.ERASED}),
    PaperState.UPLOADED: frozenset({PaperState.CHECKED, PaperState.REFUSED, PaperState.ERASED}),
    PaperState.CHECKED: frozenset({PaperState.VERIFIED, PaperState.REJECTED, PaperState.REFUSED, PaperState.ERASED}),
    PaperState.VERIFIED: frozenset({PaperState.REJECTED, PaperState.EXPIRED, PaperState.REFUSED, PaperState.ERASED}),
    PaperState.REFUSED: frozenset({PaperState.ERASED}),
    PaperState.REJECTED: frozenset({PaperState.ERASED}),
    PaperState.EXPIRED: frozenset({PaperState.ERASED}),
    PaperState.ERASED: frozenset[PaperState](),
}

STATE_LABELS = {
    PaperState.RESERVED: Text("等待上传", "Waiting for the file"),
    PaperState.UPLOADED: Text("正在检查文件", "File being checked"),
    PaperState.CHECKED: Text("等待核验", "Waiting for verification"),
    PaperState.REFUSED: Text("文件不可用,请重新上传", "File not usable, please send another"),
    PaperState.VERIFIED: Text("核验通过", "Verified"),
    PaperState.REJECTED: Text("核验未通过,请重新上传", "Not accepted, please send another"),
    PaperState.EXPIRED: Text("已过期", "Expired"),
    PaperState.ERASED: Text("已删除", "Erased"),
}

#: States in which there is a checked object to look at.
VIEWABLE = frozenset({PaperState.CHECKED, PaperState.VERIFIED, PaperState.REJECTED, PaperState.EXPIRED})


class Malware(StrEnum):
    """What the malware scanner said; a file that no scanner saw is never called clean."""

    CLEAN = "clean"
    FOUND = "found"
    NOT_SCANNED = "not_scanned"


class RejectionReason(StrEnum):
    """Why a verifier does not accept a paper."""

    UNREADABLE = "unreadable"
    INCOMPLETE = "incomplete"
    WRONG_KIND = "wrong_kind"
    WRONG_PERSON = "wrong_person"
    OUT_OF_DATE = "out_of_date"
    NO_SEAL = "no_seal"
    DOUBTFUL = "doubtful"
    OTHER = "other"


REJECTION_LABELS = {
    RejectionReason.UNREADABLE: Text("看不清", "It cannot be read"),
    RejectionReason.INCOMPLETE: Text("不完整,缺页或缺面", "Pages or sides are missing"),
    RejectionReason.WRONG_KIND: Text("不是所要求的材料", "It is another kind of paper"),
    RejectionReason.WRONG_PERSON: Text("不是本人的材料", "It is somebody else's"),
    RejectionReason.OUT_OF_DATE: Text("已过有效期", "It is out of date"),
    RejectionReason.NO_SEAL: Text("缺少签字或盖章", "A signature or seal is missing"),
    RejectionReason.DOUBTFUL: Text("真实性存疑", "It may not be genuine"),
    RejectionReason.OTHER: Text("其他原因,见说明", "Another reason, see the comment"),
}
