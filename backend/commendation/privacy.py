"""What may never stand on a notice: document numbers, phones, addresses, illnesses. Pure."""

from __future__ import annotations

import re
import unicodedata

from backend.errors import Violation
from backend.words import Text

#: Signs that people put between the digits of a number.
_GAP = r"[\s\-—–_.·*/|,,。、]{0,3}"
_ZH_DIGITS = str.maketrans("〇零一二三四五六七八九壹贰叁肆伍陆柒捌玖幺两", "0012345678912345678912")

#: A document number is 15 or 18 signs; shorter runs of ten digits and more are phones, cards and accounts.
_NUMBER = re.compile(rf"(?:\d{_GAP}){{9,}}\d")
_PASSPORT = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{1,2}\d{7,9}(?!\d)")
_PHONE = re.compile(rf"(?<!\d)(?:0\d{{2,3}}{_GAP})?[2-9]\d{{6,7}}(?!\d)")
_ADDRESS = re.compile(
    r"(住址|家住|住在|居住|门牌"
    r"|[路街巷道弄胡同村庄屯]\s*\d+\s*[号弄]"
    r"|\d+\s*(号楼|单元|栋|幢|号院|弄)"
    r"|\d+\s*室|(小区|家园|花园|公寓|社区|新村)\S{0,6}\d)"
)
_ILLNESS = re.compile(
    r"(确诊|患有|罹患|身患|患病|患上|患癌|癌|肿瘤|白血病|糖尿病|高血压|冠心病|心脏病|抑郁|尿毒症|肝炎|乙肝|丙肝|艾滋|HIV"
    r"|梅毒|肺结核|残疾|病史|带病|抱病|重病|大病|住院|手术后|术后|化疗|透析|流产|怀孕|孕期|精神病|核酸阳性|检测阳性|感染新冠|感染者)",
    re.IGNORECASE,
)


def private_words(text: str, field: str) -> list[Violation]:
    """What in a text that everybody may read must not be there: one violation for each sort of thing.

    Full-width signs, Chinese digits and signs between digits do not hide a number.
    """
    plain = "".join(
        sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) not in ("Cf", "Mn", "Cc")
    )
    digits = plain.translate(_ZH_DIGITS)
    found = []
    if _NUMBER.search(digits) or _PASSPORT.search(digits):
        found.append(_violation("notice_number", "不得出现证件号、银行卡号等号码。", "No document number.", field))
    if _PHONE.search(digits):
        found.append(_violation("notice_phone", "不得出现电话号码。", "No phone number.", field))
    if _ADDRESS.search(plain) or _ADDRESS.search(digits):
        found.append(_violation("notice_address", "不得出现住址。", "No address.", field))
    if _ILLNESS.search(plain):
        found.append(_violation("notice_illness", "不得出现个人健康、疾病信息。", "Nothing about health.", field))
    return found


def _violation(code: str, zh: str, en: str, field: str) -> Violation:
    return Violation(
        code,
        Text("公示内容" + zh, f"A notice is public. {en}"),
        field,
        "公示去标识化要求:只公示姓名、单位、事迹",
    )
