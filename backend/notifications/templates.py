"""The words of every message, in plain language; a template's name is stored and never changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.words import Language, Text


@dataclass(frozen=True, slots=True)
class Template:
    """One message.

    `text` says what happened, `todo` what the reader should do, if anything. `extras` are sentences that are added
    when the word they are named after is there. Places are filled from the notification's words; a word that differs
    by language comes as a pair `name_zh`, `name_en` and is written `{name}`.
    """

    title: Text
    text: Text
    todo: Text | None = None
    extras: Mapping[str, Text] | None = None


_COMMENT = {"comment": Text("说明:{comment}", "Note: {comment}")}
_REASON = {"comment": Text("理由:{comment}", "Reason: {comment}")}
_DUE = {"due_on": Text("请在 {due_on} 前办理。", "Please do so by {due_on}.")}

TEMPLATES: Mapping[str, Template] = {
    "application_submitted": Template(
        Text("申请已收到", "We have your application"),
        Text(
            "您的申请 {number} 已收到,先由{stage}办理。先后次序不影响结果。",
            "Your application {number} has arrived. First step: {stage}. Being early or late makes no difference.",
        ),
    ),
    "application_returned": Template(
        Text("申请需要补正", "Your application needs something more"),
        Text("您的申请 {number} 被退回,请补正。", "Your application {number} came back to you."),
        Text("请打开申请,按说明修改后重新提交。", "Open it, change what the note asks for, and send it again."),
        {**_COMMENT, **_DUE},
    ),
    "application_passed_stage": Template(
        Text("申请有进展", "Your application moved on"),
        Text("您的申请 {number} 已进入:{stage}。", "Your application {number} is now at: {stage}."),
    ),
    "application_on_notice": Template(
        Text("您的申请正在公示", "Your application is on public notice"),
        Text(
            "您的申请 {number} 已列入公示名单。公示不显示身份证号、电话、病情和住址。",
            "Your application {number} is on the public list, which never shows ID number, phone, illness or address.",
        ),
        extras={"due_on": Text("公示至 {due_on}。", "The notice stands until {due_on}.")},
    ),
    "application_objected": Template(
        Text("公示中有人提出异议", "Somebody objected during the notice"),
        Text(
            "有人对您的申请 {number} 提出异议,将由未参与此事的人员核实。核实期间只暂停您这一件。",
            "Somebody objected to your application {number}. A person not involved so far looks into it; meanwhile"
            " only your case waits.",
        ),
    ),
    "application_objection_dismissed": Template(
        Text("异议不成立", "The objection was dismissed"),
        Text("对您的申请 {number} 的异议不成立,继续办理。", "Your application {number} goes on."),
        extras=_REASON,
    ),
    "application_reserve": Template(
        Text("您在递补名单上", "You are on the reserve list"),
        Text(
            "您的申请 {number} 列为递补。有人放弃或逾期,名额就依次递补。",
            "Your application {number} is on the reserve list. When a place becomes free, the first reserve gets it.",
        ),
        extras={"rank": Text("您的顺序是第 {rank} 位。", "Your rank is {rank}.")},
    ),
    "application_place_offered": Template(
        Text("名额已为您保留", "A place is kept for you"),
        Text("您的申请 {number} 已通过。", "Your application {number} was approved."),
        Text("请打开申请,确认参加或放弃。", "Open it and confirm the place, or decline it."),
        {
            "due_on": Text(
                "{due_on} 前不确认,名额将转给递补人员。", "Without an answer by {due_on} it goes to a reserve."
            )
        },
    ),
    "application_approved": Template(
        Text("申请已通过", "Your application was approved"),
        Text("您的申请 {number} 已通过。", "Your application {number} was approved."),
    ),
    "application_granted": Template(
        Text("已授予荣誉", "The award is granted"),
        Text("推荐 {number} 已授予。祝贺!", "Nomination {number}: the award is granted. Congratulations!"),
    ),
    "application_revoked": Template(
        Text("荣誉已撤销", "The award is revoked"),
        Text("推荐 {number} 所授荣誉已撤销。", "The award of nomination {number} is revoked."),
        extras=_REASON,
    ),
    "application_promoted": Template(
        Text("您已递补获得名额", "A place became free for you"),
        Text("有人放弃,您的申请 {number} 已递补。", "Your application {number} moved up from the reserve list."),
        Text("请打开申请,确认参加或放弃。", "Open it and confirm the place, or decline it."),
        {
            "due_on": Text(
                "{due_on} 前不确认,名额将转给下一位。", "Without an answer by {due_on} it goes to the next one."
            )
        },
    ),
    "application_confirmed": Template(
        Text("已确认参加", "Your place is confirmed"),
        Text("您已确认申请 {number} 的名额。", "You confirmed the place of application {number}."),
    ),
    "application_declined": Template(
        Text("您已放弃名额", "You declined the place"),
        Text("您已放弃申请 {number} 的名额。", "You gave up the place of application {number}."),
    ),
    "application_lapsed": Template(
        Text("名额已失效", "The place lapsed"),
        Text(
            "您的申请 {number} 未按时确认,名额已转给递补人员。",
            "The place of application {number} was not confirmed in time and went to a reserve.",
        ),
    ),
    "application_not_reached": Template(
        Text("名额已满,未能列入", "The places went to others"),
        Text(
            "您的申请 {number} 已办结:本次名额已满,未轮到。",
            "Application {number} is closed: all places were taken before its turn.",
        ),
        extras=_COMMENT,
    ),
    "nomination_consent": Template(
        Text("您被推荐参加评选", "You are nominated for an award"),
        Text("有人推荐您参评“{award}”({number})。", "Somebody nominates you for “{award}” ({number})."),
        Text("请打开推荐,选择同意或不同意。", "Open it and say whether you agree."),
    ),
    "application_completed": Template(
        Text("申请已办结", "Your application is complete"),
        Text(
            "您的申请 {number} 已办结。谢谢您的付出。", "Application {number} is complete. Thank you for your service."
        ),
    ),
    "application_rejected": Template(
        Text("申请没有通过", "Your application was not approved"),
        Text("您的申请 {number} 没有通过。", "Your application {number} was not approved."),
        Text("如有疑问,请联系所在单位工会。", "If you have questions, ask the union of your unit."),
        _REASON,
    ),
    "application_withdrawn": Template(
        Text("申请已撤回", "Your application was withdrawn"),
        Text("您的申请 {number} 已撤回。", "Application {number} was withdrawn."),
    ),
    "cover_assessed": Template(
        Text("互助保障已核定", "Your enrolment was assessed"),
        Text(
            "您的互助保障参保 {number} 已核定。谁在保、保障起止日和等待期,请看“我的保障”。",
            "Enrolment {number} was assessed. Who is covered, from when and what waits: see your covers.",
        ),
    ),
    "cover_unit_enrols": Template(
        Text("单位工会为您参加互助保障", "Your unit enrols you in mutual aid"),
        Text(
            "单位工会已为您提交互助保障集体参保 {number}。不需要您办理;如不同意,请联系单位工会。",
            "The union of your unit has enrolled you ({number}). Nothing to do; if you object, tell your union.",
        ),
    ),
    "cover_unit_enrolled": Template(
        Text("集体参保已核定", "The enrolment by your unit was assessed"),
        Text(
            "单位工会为您办理的互助保障参保 {number} 已核定,详见“我的保障”。",
            "The enrolment by your unit ({number}) was assessed: see your covers.",
        ),
    ),
    "cover_unit_refused": Template(
        Text("集体参保没有通过", "The enrolment by your unit was refused"),
        Text(
            "单位工会办理的互助保障集体参保 {number} 没有通过。",
            "The enrolment by your unit ({number}) was not approved.",
        ),
        Text("如有疑问,请联系所在单位工会。", "If you have questions, ask the union of your unit."),
    ),
    "cover_consent_asked": Template(
        Text("参加互助保障需要您的同意", "Mutual aid needs your consent"),
        Text(
            "单位工会准备为您参加“{plan}”,需要您同意使用个人信息并提供给承办机构。",
            "The union of your unit wants to enrol you in “{plan}” and needs your consent to use and share your data.",
        ),
        Text(
            "请在“我的同意”中阅读并选择;不同意不影响其他权益。", "Read it and choose; refusing costs you nothing else."
        ),
    ),
    "cover_ended": Template(
        Text("互助保障已终止", "A cover has ended"),
        Text(
            "您或家属的互助保障自 {ended_on} 之后终止,详见“我的保障”。",
            "A cover of yours or your family's has its last day on {ended_on}: see your covers.",
        ),
    ),
    "record_verified": Template(
        Text("档案已核实", "Your record is verified"),
        Text("您的一线人员档案已由单位工会核实。", "The union of your unit has verified your record."),
    ),
    "record_returned": Template(
        Text("档案需要补正", "Your record needs something more"),
        Text("您的一线人员档案被退回,请补正。", "Your record came back to you."),
        Text("请打开档案,修改后重新提交。", "Open it, change what the note asks for, and send it again."),
        _COMMENT,
    ),
    "takeover_approved": Template(
        Text("档案已与您的手机号关联", "Your record is linked to your phone"),
        Text("单位工会已确认,您现在可以查看本人档案。", "The union of your unit agreed: you can now see your record."),
    ),
    "takeover_refused": Template(
        Text("档案关联未通过", "Your record was not linked"),
        Text("单位工会未确认您的关联申请。", "The union of your unit did not agree to link the record."),
        Text("如有疑问,请联系所在单位工会。", "If you have questions, ask the union of your unit."),
        _COMMENT,
    ),
    "paper_expired": Template(
        Text("材料已过有效期", "A paper is out of date"),
        Text("您的{kind}已过有效期,不再作为核验通过的材料。", "Your {kind} is out of date and no longer counts."),
        Text("如有申请还需要它,请上传新的。", "If an application still needs it, please send a new one."),
    ),
    "paper_lost": Template(
        Text("材料需要重新上传", "A paper has to be sent again"),
        Text("您的{kind}的文件已无法使用:{why}。", "The file of your {kind} can no longer be used: {why}."),
        Text("这不是您的过错,请重新上传。", "This is no fault of yours; please send it again."),
    ),
    "paper_refused": Template(
        Text("材料文件不可用", "A file can't be used"),
        Text("您上传的{kind}没有通过文件检查:{why}。", "The file you sent as {kind} was refused: {why}."),
        Text("请重新拍照或扫描后再上传。", "Please photograph or scan it again and send it."),
    ),
    "paper_rejected": Template(
        Text("材料未通过核验", "A paper was not accepted"),
        Text("您上传的{kind}没有通过核验:{why}。", "Your paper ({kind}) was not accepted: {why}."),
        Text("请重新上传。", "Please send another."),
        _COMMENT,
    ),
}


@dataclass(frozen=True, slots=True)
class Message:
    """A template with its places filled, in one language."""

    title: str
    text: str


def render(template: str, words: Mapping[str, str], language: Language) -> Message:
    """The message; raises KeyError for a template or a word that does not exist."""
    found = TEMPLATES[template]
    suffix = "_zh" if language is Language.ZH else "_en"
    filling = {name.removesuffix(suffix): value for name, value in words.items()}
    extras = [extra for name, extra in (found.extras or {}).items() if words.get(name)]
    parts = [found.text, *extras, *([found.todo] if found.todo else [])]
    gap = "" if language is Language.ZH else " "
    return Message(found.title.in_(language), gap.join(part.in_(language).format_map(filling) for part in parts))
