"""What a file's description and a verdict have to be; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from backend.documents.inspection.findings import REFUSAL_WORDS, Refusal
from backend.documents.kinds import (
    EXPIRING,
    KIND_LABELS,
    NAME_LIMIT,
    SIZE_LIMIT,
    MediaType,
    PaperKind,
    PaperState,
    RejectionReason,
)
from backend.errors import RuleViolation, TooLarge, Violation
from backend.words import UNPRINTABLE, Text

#: The file was gone from quarantine, or was another one, when it came to checking.
LOST = "lost"

COMMENT_LIMIT = 500
SHA256_BYTES = 32

#: Bytes of one part, but for the last; S3 takes none that is smaller.
PART_SIZE = 5 * 1024 * 1024

_FOLDERS = re.compile(r"[/\\]")


@dataclass(frozen=True, slots=True)
class PartSpan:
    """One part of a file: its number from 1, the offset of its first byte, its size in bytes."""

    number: int
    offset: int
    size: int


def parts_of(size: int) -> list[PartSpan]:
    """As many parts as a file of `size` bytes needs."""
    return [
        PartSpan(number, offset, min(PART_SIZE, size - offset))
        for number, offset in enumerate(range(0, size, PART_SIZE), start=1)
    ]


def checked_name(name: str, size: int, sha256: bytes, media_type: str) -> str:
    """The file's name as we keep it: without folders and without characters that hide or turn text.

    `size` is in bytes. Raises TooLarge above 20 MiB, else RuleViolation with all that is wrong.
    """
    shown = " ".join(UNPRINTABLE.sub("", _FOLDERS.split(name)[-1]).split())
    if size > SIZE_LIMIT:
        raise TooLarge("file_too_large", Text("文件超过 20 MB。", "The file is larger than 20 MB."))
    wrong = []
    if not shown or len(shown) > NAME_LIMIT:
        wrong.append(
            Violation("file_name", Text("文件名须为 1 到 120 个字。", "A file name has 1 to 120 characters."), "name")
        )
    if size <= 0:
        wrong.append(Violation("file_empty", Text("文件是空的。", "The file is empty."), "size"))
    if len(sha256) != SHA256_BYTES:
        wrong.append(Violation("file_digest", Text("SHA-256 须为 32 字节。", "A SHA-256 has 32 bytes."), "sha256"))
    if media_type not in set(MediaType):
        wrong.append(
            Violation("file_type", Text("只接受 PDF、JPEG、PNG、HEIC。", "Only PDF, JPEG, PNG and HEIC."), "media_type")
        )
    if wrong:
        raise RuleViolation(wrong)
    return shown


def check_verdict(outcome: PaperState, reason_code: RejectionReason | None, comment: str) -> None:
    """Raise RuleViolation with all that is wrong with a verdict."""
    wrong = []
    if outcome not in (PaperState.VERIFIED, PaperState.REJECTED):
        wrong.append(Violation("outcome", Text("只能核验通过或不通过。", "Verified or rejected only."), "outcome"))
    if (outcome is PaperState.REJECTED) != (reason_code is not None):
        wrong.append(
            Violation(
                "reason_code",
                Text("不通过须选择原因,通过则不填。", "A rejection has a reason, a verification has none."),
                "reason_code",
            )
        )
    if reason_code is RejectionReason.OTHER and not comment.strip():
        wrong.append(Violation("comment_missing", Text("请说明原因。", "Say what the reason is."), "comment"))
    if len(comment) > COMMENT_LIMIT or UNPRINTABLE.search(comment):
        wrong.append(Violation("comment_long", Text("说明不超过 500 字。", "At most 500 characters."), "comment"))
    if wrong:
        raise RuleViolation(wrong)


def check_expiry(kind: str, outcome: PaperState, expires_on: date | None, unlimited: bool, today: date) -> None:
    """Raise RuleViolation where the last day of a verified paper is missing, past, or said not to be one."""
    if expires_on is not None and unlimited:
        raise RuleViolation.of(
            "expiry_twice", Text("有效期与长期有效只能填一项。", "A day or no end, not both."), "expires_on"
        )
    if expires_on is not None and expires_on < today:
        raise RuleViolation.of(
            "expiry_past", Text("有效期不能早于今天。", "The expiry can't be in the past."), "expires_on"
        )
    if outcome is PaperState.VERIFIED and kind in EXPIRING and expires_on is None and not unlimited:
        raise RuleViolation.of(
            "expiry_missing",
            Text(
                "{kind}有有效期:请填写有效期至,或勾选长期有效。",
                "{kind} holds for a time: say until when, or that it has no end.",
            ).fill(kind=KIND_LABELS[PaperKind(kind)]),
            "expires_on",
        )


def why_refused(code: str) -> Text:
    """The words for a refusal by the check, whatever its code says."""
    if code == LOST:
        return Text("文件没有完整到达,请重新上传。", "The file did not arrive whole. Send it again.")
    return REFUSAL_WORDS[Refusal(code)]
