"""`niangjia documents audit`: rows and files compared, told line by line, repaired only as the operator asks."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Set

from backend.composition import compose
from backend.database import close_pool, open_pool
from backend.documents.consistency import Consistency, Fault, Repair
from backend.settings import settings


async def audit_documents(*, quick: bool, repairs: Set[Repair]) -> bool:
    """Print every finding and a count of each kind; whether rows and files agree, or were made to.

    A line is `FAULT BUCKET KEY UPLOAD [repaired]`, without anything personal.
    """
    consistency = Consistency(compose(settings()).checking)
    found: Counter[Fault] = Counter()
    open_ones = 0
    await open_pool(min_size=1, max_size=4)
    try:
        async for finding in consistency.audit(quick=quick, repairs=repairs):
            found[finding.fault] += 1
            open_ones += not finding.repaired
            words = (finding.fault, finding.bucket, finding.key, finding.upload or "-")
            sys.stdout.write(f"{' '.join(map(str, words))}{' repaired' if finding.repaired else ''}\n")
    finally:
        await close_pool()
    counted = ", ".join(f"{fault} {found[fault]}" for fault in Fault)
    sys.stdout.write(f"{counted}; {open_ones} not repaired\n")
    return open_ones == 0
