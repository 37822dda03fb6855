"""Sealed fields: bound to their key and purpose, altered by nobody, masked where shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.sealing import KeyRing, SealBroken, mask, mask_identifier, mask_name, mask_phone

OLD, NEW = bytes(32), bytes(range(32))
RING = KeyRing({"b": NEW, "a": OLD}, "b", bytes(32))


@given(st.text(max_size=200), st.text(min_size=1, max_size=20))
def test_what_is_sealed_opens_again(plain: str, purpose: str) -> None:
    assert RING.open(RING.seal(plain, purpose), purpose) == plain


def test_the_same_text_is_never_sealed_alike() -> None:
    assert len({RING.seal("13800000000", "phone") for _ in range(50)}) == 50


def test_a_sealed_value_belongs_to_its_purpose() -> None:
    with pytest.raises(SealBroken):
        RING.open(RING.seal("13800000000", "phone"), "identifier:resident_id")


@given(st.integers(0, 60), st.integers(1, 255))
def test_no_bit_is_changed_unnoticed(place: int, change: int) -> None:
    sealed = bytearray(RING.seal("370999198506150016", "identifier:resident_id"))
    sealed[place % len(sealed)] ^= change
    with pytest.raises((SealBroken, UnicodeDecodeError)):
        RING.open(bytes(sealed), "identifier:resident_id")


def test_keys_are_rotated_without_losing_what_the_old_one_sealed() -> None:
    before = KeyRing({"a": OLD}, "a", bytes(32)).seal("旧", "phone")
    assert RING.open(before, "phone") == "旧"
    after = RING.seal("新", "phone")
    assert after[:2] == b"\x01b"
    with pytest.raises(SealBroken):
        KeyRing({"a": OLD}, "a", bytes(32)).open(after, "phone")


def test_a_keyed_hash_is_the_same_for_the_same_text_and_purpose_alone() -> None:
    assert RING.digest("1", "phone") == KeyRing({"z": OLD}, "z", bytes(32)).digest("1", "phone")
    others = {
        RING.digest("1", "phone"),
        RING.digest("2", "phone"),
        RING.digest("1", "address"),
        KeyRing({"b": NEW}, "b", NEW).digest("1", "phone"),
    }
    assert len(others) == 4
    assert all(len(digest) == 32 for digest in others)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (mask_identifier("370999198506150016"), "3709**********0016"),
        (mask_identifier("H12345678"), "H1*****78"),
        (mask_identifier("AB1234"), "******"),
        (mask_phone("13800001234"), "138****1234"),
        (mask_name("王"), "王*"),
        (mask_name("古丽·买买提"), "古**"),
        (mask_name("𠮷玉山"), "𠮷**"),
        (mask("", 1, 1), ""),
    ],
)
def test_masks(shown: str, expected: str) -> None:
    assert shown == expected
