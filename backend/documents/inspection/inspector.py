"""The whole inspection of one paper, from its bytes to its rendition."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from pathlib import Path

from backend.confinement import Limits, Overran, run_confined
from backend.documents.inspection.findings import Declared, Inspection, Outcome, Refusal
from backend.documents.inspection.scanner import Scanner
from backend.documents.inspection.signatures import (
    hides_another,
    media_type_of,
    other_name_of,
)
from backend.documents.inspection.spool import Spooled
from backend.documents.kinds import SIZE_LIMIT, Malware, MediaType

MAX_PAGES = 60
MAX_PIXELS = 60_000_000
SCREEN_PIXELS = 1600
LIMITS = Limits()
#: Bytes of a shared copy: a HEIC grows when it becomes a JPEG.
SHARED_LIMIT = 48 * 1024 * 1024
PARSER = Path(__file__).with_name("parser.py")
SHAREABLE = Path(__file__).with_name("shareable.py")


@dataclass(frozen=True, slots=True)
class Inspector:
    """Inspects papers with the scanner of this installation, within limits for the child that parses them."""

    scanner: Scanner
    limits: Limits = LIMITS
    parser: Path = PARSER

    async def inspect(self, paper: Spooled, declared: Declared) -> Inspection:
        """Everything that can be said of the file against what was declared, cheapest question first.

        Raises ScannerUnavailable if a scanner is configured and gives no verdict: the paper has to be tried again.
        """
        found = Inspection(Outcome.REFUSED, paper.sha256, paper.size)
        if (refusal := _differs(paper, declared)) is not None:
            return replace(found, refusal=refusal)
        media_type = await asyncio.to_thread(media_type_of, paper.path)
        if media_type is None:
            other = await asyncio.to_thread(other_name_of, paper.path)
            return replace(found, detected_type=other, refusal=Refusal.UNKNOWN_TYPE)
        found = replace(found, detected_type=media_type.value)
        if media_type is not declared.media_type:
            return replace(found, refusal=Refusal.TYPE_DIFFERS)
        if await asyncio.to_thread(hides_another, paper.path, media_type):
            return replace(found, refusal=Refusal.HIDDEN_CONTENT)
        found = replace(found, malware=await self.scanner.scan(paper.path))
        if found.malware is Malware.FOUND:
            return replace(found, refusal=Refusal.MALWARE)
        found = await self._parse(found, paper.path, media_type)
        return found if found.outcome is Outcome.REFUSED else await self._share(found, paper.path, media_type)

    async def _parse(self, found: Inspection, path: Path, media_type: MediaType) -> Inspection:
        arguments = [
            media_type.value,
            str(path),
            str(MAX_PAGES),
            str(MAX_PIXELS),
            str(SCREEN_PIXELS),
        ]
        try:
            answer = await run_confined(self.parser, arguments, self.limits)
            line, _, rendition = answer.partition(b"\n")
            said = json.loads(line)
            if "refusal" in said:
                return replace(found, refusal=Refusal(said["refusal"]))
            return replace(
                found,
                outcome=Outcome.CHECKED,
                pages=int(said["pages"]),
                width=int(said["width"]),
                height=int(said["height"]),
                rendition=_jpeg(rendition),
            )
        except (Overran, ValueError, KeyError, TypeError):
            # What took the child down, or made it talk nonsense, is the file's doing.
            return replace(found, refusal=Refusal.TOO_COSTLY)

    async def _share(self, found: Inspection, path: Path, media_type: MediaType) -> Inspection:
        """The finding with the copy for others; a file of which none can be made is refused."""
        limits = replace(self.limits, answer=SHARED_LIMIT)
        try:
            answer = await run_confined(SHAREABLE, [media_type.value, str(path)], limits)
            line, _, copy = answer.partition(b"\n")
            if not copy:
                raise ValueError("the child copied nothing")
            return replace(found, shared=copy, shared_type=MediaType(line.decode()).value)
        except (Overran, ValueError):
            return replace(found, outcome=Outcome.REFUSED, refusal=Refusal.TOO_COSTLY, rendition=None)


def _differs(paper: Spooled, declared: Declared) -> Refusal | None:
    if paper.size == 0:
        return Refusal.EMPTY
    if paper.size > SIZE_LIMIT:
        return Refusal.TOO_LARGE
    if paper.size != declared.size:
        return Refusal.SIZE_DIFFERS
    if paper.sha256 != declared.sha256:
        return Refusal.CHECKSUM_DIFFERS
    return None


def _jpeg(rendition: bytes) -> bytes:
    if not rendition.startswith(b"\xff\xd8\xff"):
        raise ValueError("the child drew nothing")
    return rendition
