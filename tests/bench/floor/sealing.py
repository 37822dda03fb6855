"""The ciphers of a case's facts, by hand: what the floor opens and what it seals."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def opened(key: bytes, sealed: bytes, purpose: bytes) -> bytes:
    start = 1 + sealed[0]
    return AESGCM(key).decrypt(sealed[start : start + 12], sealed[start + 12 :], purpose)


def sealed(key: bytes, name: bytes, plain: bytes, purpose: bytes) -> bytes:
    nonce = os.urandom(12)
    return bytes([len(name)]) + name + nonce + AESGCM(key).encrypt(nonce, plain, purpose)
