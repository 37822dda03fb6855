"""What a file's description and a verdict have to be: each limit at its edge, all that is wrong named at once."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.documents import policy
from backend.documents.inspection.findings import REFUSAL_WORDS, Refusal
from backend.documents.kinds import PaperState, RejectionReason
from backend.errors import RuleViolation, TooLarge

MIB = 1024 * 1024
DIGEST = bytes(32)
TODAY = date(2026, 3, 2)
VERIFIED, REJECTED = PaperState.VERIFIED, PaperState.REJECTED


def name_kept(name: str, size: int = 1000, sha256: bytes = DIGEST, media_type: str = "application/pdf") -> str:
    return policy.checked_name(name, size, sha256, media_type)


def refused_upload(
    name: str = "证.pdf", size: int = 1000, sha256: bytes = DIGEST, media_type: str = "application/pdf"
) -> set[tuple[str, str]]:
    """The codes and fields of all that is wrong with a description."""
    try:
        name_kept(name, size, sha256, media_type)
    except RuleViolation as refusal:
        return {(violation.code, violation.field) for violation in refusal.violations}
    return set()


def refused_verdict(outcome: PaperState, reason: RejectionReason | None, comment: str = "") -> set[tuple[str, str]]:
    """The codes and fields of all that is wrong with a verdict."""
    try:
        policy.check_verdict(outcome, reason, comment)
    except RuleViolation as refusal:
        return {(violation.code, violation.field) for violation in refusal.violations}
    return set()


def refused_expiry(kind: str, outcome: PaperState, expires_on: date | None, *, unlimited: bool = False) -> list[str]:
    """The code of what is wrong with a last day, and the field to mend; empty where it may be that."""
    try:
        policy.check_expiry(kind, outcome, expires_on, unlimited, TODAY)
    except RuleViolation as refusal:
        return [text for violation in refusal.violations for text in (violation.code, violation.field)]
    return []


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        (1, [1]),
        (5 * MIB, [5 * MIB]),
        (5 * MIB + 1, [5 * MIB, 1]),
        (12 * MIB, [5 * MIB, 5 * MIB, 2 * MIB]),
        (20 * MIB, [5 * MIB] * 4),
    ],
)
def test_all_parts_but_the_last_have_five_mebibytes(size: int, sizes: list[int]) -> None:
    assert [part.size for part in policy.parts_of(size)] == sizes


@given(st.integers(1, 20 * MIB))
def test_parts_are_numbered_from_one_and_cover_the_file_without_gap_or_overlap(size: int) -> None:
    parts = policy.parts_of(size)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    reached = 0
    for part in parts:
        assert part.offset == reached
        assert part.size > 0
        reached += part.size
    assert reached == size


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("身份证.pdf", "身份证.pdf"),
        ("C:\\Users\\甲\\身份证.pdf", "身份证.pdf"),
        ("/home/a/../身份证.pdf", "身份证.pdf"),
        ("a\\b/身份证.pdf", "身份证.pdf"),
        ("  身份 \t 证.pdf\n", "身份 证.pdf"),
        ("身份\u202e证\x00.pdf", "身份证.pdf"),
    ],
)
def test_a_name_is_kept_without_folders_and_without_what_hides_or_turns_text(sent: str, kept: str) -> None:
    assert name_kept(sent) == kept


def test_a_name_has_one_to_120_characters_once_it_is_cleaned() -> None:
    assert name_kept("证" * 120) == "证" * 120
    assert name_kept("证") == "证"
    assert name_kept("夹" * 200 + "/证") == "证"
    for name in ("证" * 121, "", "  ", "文件夹/", "\u202e\x00"):
        assert refused_upload(name=name) == {("file_name", "name")}


def test_a_file_of_exactly_20_mib_is_taken_and_one_byte_more_is_too_large() -> None:
    assert refused_upload(size=20 * MIB) == set()
    with pytest.raises(TooLarge) as refusal:
        name_kept("证.pdf", size=20 * MIB + 1)
    assert refusal.value.code == "file_too_large"
    assert "20 MB" in refusal.value.message.zh and "20 MB" in refusal.value.message.en


def test_a_file_has_at_least_one_byte() -> None:
    assert refused_upload(size=1) == set()
    assert refused_upload(size=0) == refused_upload(size=-1) == {("file_empty", "size")}


def test_a_digest_has_exactly_32_bytes() -> None:
    assert refused_upload(sha256=bytes(31)) == refused_upload(sha256=bytes(33)) == {("file_digest", "sha256")}


def test_only_pdf_jpeg_png_and_heic_are_taken() -> None:
    for taken in ("application/pdf", "image/jpeg", "image/png", "image/heic"):
        assert refused_upload(media_type=taken) == set()
    for other in ("image/svg+xml", "text/html", "", "PDF"):
        assert refused_upload(media_type=other) == {("file_type", "media_type")}


def test_all_that_is_wrong_with_a_description_is_named_at_once() -> None:
    assert refused_upload("", 0, b"", "text/html") == {
        ("file_name", "name"),
        ("file_empty", "size"),
        ("file_digest", "sha256"),
        ("file_type", "media_type"),
    }


def test_a_verdict_is_verified_or_rejected_and_nothing_else() -> None:
    assert refused_verdict(VERIFIED, None) == set()
    assert refused_verdict(REJECTED, RejectionReason.UNREADABLE) == set()
    for other in set(PaperState) - {VERIFIED, REJECTED}:
        assert refused_verdict(other, None) == {("outcome", "outcome")}


def test_a_rejection_has_a_reason_and_a_verification_has_none() -> None:
    assert refused_verdict(REJECTED, None) == {("reason_code", "reason_code")}
    assert refused_verdict(VERIFIED, RejectionReason.NO_SEAL) == {("reason_code", "reason_code")}


def test_another_reason_is_said_in_words() -> None:
    for silent in ("", " \n"):
        assert refused_verdict(REJECTED, RejectionReason.OTHER, silent) == {("comment_missing", "comment")}
    assert refused_verdict(REJECTED, RejectionReason.OTHER, "印章模糊") == set()


def test_a_comment_has_up_to_500_characters_that_all_can_see() -> None:
    assert refused_verdict(VERIFIED, None, "说" * 500) == set()
    assert refused_verdict(VERIFIED, None, "说" * 501) == {("comment_long", "comment")}
    assert refused_verdict(VERIFIED, None, "说\u202e") == {("comment_long", "comment")}


def test_all_that_is_wrong_with_a_verdict_is_named_at_once() -> None:
    assert refused_verdict(PaperState.CHECKED, RejectionReason.OTHER, "\x00" * 501) == {
        ("outcome", "outcome"),
        ("reason_code", "reason_code"),
        ("comment_long", "comment"),
    }


def test_a_practice_licence_is_verified_with_a_last_day_or_as_one_without_end() -> None:
    assert refused_expiry("practice_licence", VERIFIED, None) == ["expiry_missing", "expires_on"]
    assert refused_expiry("practice_licence", VERIFIED, TODAY) == []
    assert refused_expiry("practice_licence", VERIFIED, None, unlimited=True) == []


def test_a_missing_day_is_told_with_the_kind_of_paper() -> None:
    with pytest.raises(RuleViolation) as refusal:
        policy.check_expiry("practice_licence", VERIFIED, None, False, TODAY)
    assert "医师/护士执业证" in refusal.value.message.zh
    assert "Practice licence" in refusal.value.message.en


def test_a_rejected_licence_and_a_paper_that_holds_for_ever_need_no_day() -> None:
    assert refused_expiry("practice_licence", REJECTED, None) == []
    assert refused_expiry("resident_id", VERIFIED, None) == []


def test_a_last_day_is_today_or_later_whatever_the_paper() -> None:
    yesterday = TODAY - timedelta(days=1)
    for kind in ("practice_licence", "resident_id"):
        assert refused_expiry(kind, VERIFIED, TODAY) == []
        assert refused_expiry(kind, VERIFIED, yesterday) == ["expiry_past", "expires_on"]


def test_a_day_and_no_end_are_not_said_together() -> None:
    assert refused_expiry("practice_licence", VERIFIED, TODAY, unlimited=True) == ["expiry_twice", "expires_on"]
    assert refused_expiry("resident_id", VERIFIED, TODAY, unlimited=True) == ["expiry_twice", "expires_on"]


def test_every_refusal_of_the_check_has_its_words_and_so_has_a_file_that_was_lost() -> None:
    for refusal in Refusal:
        assert policy.why_refused(refusal.value) == REFUSAL_WORDS[refusal]
    lost = policy.why_refused("lost")
    assert "没有完整到达" in lost.zh and "did not arrive whole" in lost.en
