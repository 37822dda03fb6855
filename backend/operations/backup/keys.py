"""The keys of backups: anybody may hold the one that closes them, and the one that opens them stays elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyrage

from backend.operations.refusal import Refusal
from backend.settings import SettingsError

RECIPIENTS = "NIANGJIA_BACKUP_RECIPIENTS"


def recipients(env: Mapping[str, str] = os.environ) -> Sequence[pyrage.x25519.Recipient]:
    """Whoever shall be able to open a backup, from `age1…,age1…`; raises SettingsError."""
    words = [word.strip() for word in env.get(RECIPIENTS, "").split(",") if word.strip()]
    if not words:
        raise SettingsError(f"{RECIPIENTS} is not set: `niangjia backup-key FILE` makes a key and prints its line")
    try:
        return [pyrage.x25519.Recipient.from_str(word) for word in words]
    except pyrage.RecipientError as error:
        raise SettingsError(f"{RECIPIENTS} must be public keys of age, age1…,age1…: {error}") from None


def identities(path: Path) -> Sequence[pyrage.x25519.Identity]:
    """The secret keys in a file, one a line, as `niangjia backup-key` and `age-keygen` write it; raises Refusal."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except OSError as error:
        raise Refusal(f"读不到密钥 Cannot read the key {path}: {error.strerror}") from None
    except (UnicodeDecodeError, pyrage.IdentityError):
        found = []
    if not found:
        raise Refusal(f"{path} 不是备份密钥 holds no key of a backup: a line AGE-SECRET-KEY-1… is expected")
    return found


def make_key(path: Path) -> str:
    """Write a new secret key, readable by its owner alone, and tell its public one; raises Refusal if one is there."""
    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(f"# public key: {public}\n{identity}\n")
    except OSError as error:
        raise Refusal(f"密钥写不下 Cannot write {path}: {error.strerror}") from None
    return public
