"""Sealing of sensitive fields: encrypt, look up by keyed hash, mask."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


@runtime_checkable
class Sealer(Protocol):
    """The provider of ciphers; AES-256-GCM here, a certified SM4 provider can stand in its place."""

    def seal(self, plain: str, purpose: str) -> bytes:
        """Cipher text of `plain`, bound to `purpose` so that it cannot be moved to another column."""

    def open(self, sealed: bytes, purpose: str) -> str:
        """The plain text; raises SealBroken where key, purpose or bytes are not those it was sealed with."""

    def digest(self, plain: str, purpose: str) -> bytes:
        """A keyed hash of 32 bytes, the same for the same text and purpose: for unique look-ups."""


class SealBroken(Exception):
    """A sealed value cannot be opened: altered bytes, another purpose or an unknown key."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """AES-256-GCM under keys with ids: the current one seals, every known one opens.

    A sealed value is `length of id (1) | id | nonce (12) | cipher text and tag`.
    """

    keys: Mapping[str, bytes]
    current: str
    index_key: bytes

    def seal(self, plain: str, purpose: str) -> bytes:
        """See Sealer."""
        nonce = os.urandom(_NONCE_BYTES)
        cipher = AESGCM(self.keys[self.current]).encrypt(nonce, plain.encode(), purpose.encode())
        key_id = self.current.encode()
        return bytes([len(key_id)]) + key_id + nonce + cipher

    def open(self, sealed: bytes, purpose: str) -> str:
        """See Sealer."""
        end = 1 + sealed[0]
        key = self.keys.get(sealed[1:end].decode())
        if key is None:
            raise SealBroken("unknown key")
        try:
            return (
                AESGCM(key)
                .decrypt(sealed[end : end + _NONCE_BYTES], sealed[end + _NONCE_BYTES :], purpose.encode())
                .decode()
            )
        except InvalidTag:
            raise SealBroken("altered, or sealed for another purpose") from None

    def digest(self, plain: str, purpose: str) -> bytes:
        """See Sealer."""
        return hmac.digest(self.index_key, f"{purpose}\x00{plain}".encode(), hashlib.sha256)


def mask(value: str, head: int, tail: int) -> str:
    """`value` with all but its first `head` and last `tail` characters replaced by stars."""
    hidden = max(len(value) - head - tail, 0)
    return value[:head] + "*" * hidden + value[len(value) - tail :] if hidden else "*" * len(value)


def mask_identifier(value: str) -> str:
    """An ID number as shown to people: of a long one the area and the last four, of a short one two and two or none."""
    shown = 4 if len(value) > 12 else 2 if len(value) > 8 else 0
    return mask(value, shown, shown)


def mask_phone(value: str) -> str:
    """A phone number as shown to people: first three and last four."""
    return mask(value, 3, 4)


def mask_name(value: str) -> str:
    """A name as shown in public, with only its first character."""
    return value[:1] + "*" * min(max(len(value) - 1, 1), 2)
