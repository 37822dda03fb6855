"""Phone numbers as they are stored: sealed, looked up by keyed hash, shown masked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from backend.errors import RuleViolation
from backend.people.identifiers import check_mobile, normal_mobile
from backend.sealing import Sealer, mask_phone

PHONE_PURPOSE = "phone"


@dataclass(frozen=True, slots=True)
class StoredPhone:
    """The three forms of one number."""

    sealed: bytes
    digest: bytes
    masked: str

    @classmethod
    def of(cls, phone: str, sealer: Sealer, field: str = "phone") -> Self:
        """The stored forms of a mainland mobile number; raises RuleViolation for anything else."""
        if found := check_mobile(phone, field):
            raise RuleViolation(found)
        number = normal_mobile(phone)
        return cls(sealer.seal(number, PHONE_PURPOSE), sealer.digest(number, PHONE_PURPOSE), mask_phone(number))
