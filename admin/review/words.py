"""The desk's own words, in Chinese and English, and the shapes that tell how good a state is."""

from __future__ import annotations

from backend.applications.desk import Tab
from backend.applications.lifecycle import Action, State
from backend.documents.kinds import PaperState
from backend.registry.kinds import RecordState
from backend.words import Text

TABS = {
    Tab.MINE: Text("待我办理", "For me to act on"),
    Tab.OTHERS: Text("等他人办理", "Waiting for others"),
    Tab.OVERDUE: Text("已逾期", "Overdue"),
    Tab.RETURNED: Text("已退回", "Returned"),
    Tab.ALL: Text("全部", "All in scope"),
}

#: The tone of a state: it goes with its word and a sign, never alone.
TONES = {
    State.RETURNED: "warn",
    State.OBJECTED: "warn",
    State.RESERVE: "info",
    State.APPROVED: "ok",
    State.CONFIRMED: "ok",
    State.COMPLETED: "ok",
    State.GRANTED: "ok",
    State.REJECTED: "no",
    State.DECLINED: "soft",
    State.LAPSED: "soft",
    State.WITHDRAWN: "soft",
    State.DRAFT: "soft",
    State.REVOKED: "no",
}

#: The key and the tone of an act in the bar.
KEYS = {
    Action.APPROVE: ("a", "ok"),
    Action.RECOMMEND: ("a", "ok"),
    Action.CLEAR: ("a", "ok"),
    Action.ASSESS: ("a", "ok"),
    Action.DECIDE: ("a", "ok"),
    Action.GRANT: ("a", "ok"),
    Action.SUBMIT: ("a", "ok"),
    Action.CONFIRM: ("a", "ok"),
    Action.DISMISS: ("a", "ok"),
    Action.RETURN: ("r", "warn"),
    Action.DECLINE: ("r", "warn"),
    Action.REJECT: ("x", "no"),
    Action.UPHOLD: ("x", "no"),
    Action.REVOKE: ("x", "no"),
    Action.WITHDRAW: ("w", "no"),
}

PLACEMENTS = {"": Text("", ""), "main": Text("正选", "Main"), "reserve": Text("递补", "Reserve")}

CAMPAIGN_STATES = {
    "drafted": (Text("草稿", "Drafted"), "soft"),
    "open": (Text("推荐中", "Open"), "ok"),
    "slated": (Text("名单已定", "Slate confirmed"), "info"),
    "closed": (Text("已结束", "Closed"), "soft"),
}

BATCH_STATES = {
    "drafted": (Text("草稿", "Draft"), "soft"),
    "open": (Text("开放申请", "Open"), "info"),
    "allocated": (Text("已分配", "Allocated"), "info"),
    "on_notice": (Text("公示中", "On notice"), "info"),
    "confirming": (Text("确认中", "Confirming"), "info"),
    "completed": (Text("已完成", "Completed"), "ok"),
}

COMPANIONS = {
    "none": Text("不带家属", "No companions"),
    "self_paid": Text("可同行,费用自理", "At their own cost"),
    "free": Text("可同行,费用由工会承担", "Free of charge"),
}

RECORD_TONES = {
    RecordState.DRAFT: "soft",
    RecordState.SUBMITTED: "warn",
    RecordState.VERIFIED: "ok",
    RecordState.RETURNED: "warn",
}

#: A paper in the row of papers: in a word, with its tone.
PAPERS_IN_A_WORD = {
    PaperState.RESERVED: (Text("待上传", "No file yet"), "soft"),
    PaperState.UPLOADED: (Text("正在检查文件", "Being checked"), "soft"),
    PaperState.CHECKED: (Text("待核验", "To verify"), "warn"),
    PaperState.REFUSED: (Text("不可用", "Not usable"), "no"),
    PaperState.VERIFIED: (Text("已核验", "Verified"), "ok"),
    PaperState.REJECTED: (Text("未通过", "Not accepted"), "no"),
    PaperState.EXPIRED: (Text("已过期", "Expired"), "no"),
}

OBJECTION_STATES = {
    "open": (Text("核实中", "Being looked into"), "warn"),
    "dismissed": (Text("不成立", "Dismissed"), "soft"),
    "upheld": (Text("成立", "Upheld"), "no"),
}
