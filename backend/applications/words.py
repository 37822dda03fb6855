"""The words for states, actions and kinds of stage: one for staff, one for workers."""

from __future__ import annotations

from backend.applications.lifecycle import Action, State
from backend.words import Text

STAFF_STATES = {
    State.DRAFT: Text("草稿", "Draft"),
    State.SUBMITTED: Text("已提交", "Submitted"),
    State.UNDER_REVIEW: Text("审核中", "Under review"),
    State.RETURNED: Text("退回修改", "Returned"),
    State.ON_NOTICE: Text("公示中", "On notice"),
    State.OBJECTED: Text("有异议", "Objected to"),
    State.RESERVE: Text("递补", "Reserve"),
    State.APPROVED: Text("已通过", "Approved"),
    State.CONFIRMED: Text("已确认", "Confirmed"),
    State.DECLINED: Text("已放弃", "Declined"),
    State.LAPSED: Text("已失效", "Lapsed"),
    State.COMPLETED: Text("已完成", "Completed"),
    State.REJECTED: Text("不予通过", "Rejected"),
    State.WITHDRAWN: Text("已撤回", "Withdrawn"),
    State.GRANTED: Text("已授予", "Granted"),
    State.REVOKED: Text("已撤销", "Revoked"),
}

WORKER_STATES = {
    State.DRAFT: Text("还没有提交", "Not sent yet"),
    State.SUBMITTED: Text("已收到,正在办理", "Received, being handled"),
    State.UNDER_REVIEW: Text("正在办理", "Being handled"),
    State.RETURNED: Text("需要您补正", "Needs something from you"),
    State.ON_NOTICE: Text("正在公示", "On public notice"),
    State.OBJECTED: Text("公示期间有人提出异议,正在核实", "Somebody objected; it is being looked into"),
    State.RESERVE: Text("您在递补名单上", "You are on the reserve list"),
    State.APPROVED: Text("已通过", "Approved"),
    State.CONFIRMED: Text("已确认", "You have confirmed"),
    State.DECLINED: Text("您已放弃名额", "You gave up the place"),
    State.LAPSED: Text("已过期失效", "Lapsed"),
    State.COMPLETED: Text("已完成", "Completed"),
    State.REJECTED: Text("没有通过", "Not approved"),
    State.WITHDRAWN: Text("您已撤回", "You withdrew it"),
    State.GRANTED: Text("已授予", "Granted"),
    State.REVOKED: Text("已撤销", "Revoked"),
}

ACTIONS = {
    Action.SUBMIT: Text("提交", "Submit"),
    Action.WITHDRAW: Text("撤回", "Withdraw"),
    Action.APPROVE: Text("同意", "Approve"),
    Action.RETURN: Text("退回补正", "Return"),
    Action.REJECT: Text("不同意", "Reject"),
    Action.RECOMMEND: Text("推荐", "Recommend"),
    Action.CLEAR: Text("无异议", "Clear"),
    Action.ASSESS: Text("核定", "Assess"),
    Action.REVIEW: Text("评审", "Review"),
    Action.RECUSE: Text("回避", "Recuse"),
    Action.SETTLE: Text("合议", "Settle"),
    Action.DECIDE: Text("按票数作出决定", "Decide by tally"),
    Action.PLACE: Text("分配名额", "Allocate"),
    Action.PUBLISH: Text("发布公示", "Publish notice"),
    Action.OBJECT: Text("提出异议", "Object"),
    Action.DISMISS: Text("异议不成立", "Dismiss objection"),
    Action.UPHOLD: Text("异议成立", "Uphold objection"),
    Action.CONCLUDE: Text("公示结束", "End of notice"),
    Action.CONFIRM: Text("确认参加", "Confirm"),
    Action.DECLINE: Text("放弃名额", "Decline"),
    Action.LAPSE: Text("逾期失效", "Lapse"),
    Action.PROMOTE: Text("递补", "Promote"),
    Action.SHOW_AGAIN: Text("递补并再次公示", "Promote, with a new notice"),
    Action.COMPLETE: Text("完成", "Complete"),
    Action.GRANT: Text("授予", "Grant"),
    Action.REVOKE: Text("撤销", "Revoke"),
}
