"""The proof of a cover (保障凭证): issued once for each, as a PDF for its holder, checked by anybody with its link."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from backend.certificates.pdf import certificate_pdf
from backend.certificates.service import Certificates
from backend.certificates.shown import Kind, Line, Shown, State
from backend.clock import Clock
from backend.database import transaction
from backend.errors import Conflict
from backend.identity import Actor
from backend.insurance.covers import HeldBy, cover_of
from backend.insurance.dates import CoverState
from backend.insurance.panels import who_in_words
from backend.sealing import mask_name
from backend.words import Text


@dataclass(frozen=True, slots=True)
class Proofs:
    """Proofs of cover; what is public of one is number, masked name, plan, dates and how it stands."""

    clock: Clock
    certificates: Certificates

    async def pdf(self, actor: Actor, cover: UUID) -> bytes:
        """The proof of a cover of the actor's, or of one of the family, issued now unless there is one.

        Raises NotFound for another's, Conflict for a cover that ended before it began.
        """
        now, today = await self.clock.now(), await self.clock.today()
        held = await cover_of(actor, cover, today)
        if held.state is CoverState.VOID:
            raise Conflict("cover_void", Text("该保障未生效,没有凭证。", "This cover never began: it has no proof."))
        async with transaction():
            issued = await self.certificates.issue(actor, Kind.COVER, held.id, held.number, _shown(held), now)
            if held.ended_on is not None and issued.state is State.VALID:
                await self.certificates.change_state(Kind.COVER, held.id, State.ENDED, "", now)
        return await certificate_pdf(
            issued, self.certificates.link(issued), holder=held.name, details=_details(held, own=_own(actor, held))
        )


def _own(actor: Actor, held: HeldBy) -> bool:
    return actor.person_id == held.worker


def _shown(held: HeldBy) -> Shown:
    return Shown(
        title=held.plan.name,
        holder=mask_name(held.name),
        issuer=held.plan.organiser_name,
        valid_from=held.starts_on,
        valid_to=held.ends_on,
        waits_until=held.waits_until,
    )


def _details(held: HeldBy, *, own: bool) -> list[Line]:
    """What is printed for the holder alone; the beneficiaries only for whom the cover runs through."""
    lines = [
        Line(Text("单位", "Unit"), Text(held.unit_name, held.unit_name)),
        Line(Text("与职工关系", "Relation"), who_in_words(held.who)),
        Line(Text("份数", "Shares"), Text(f"{held.shares} 份", str(held.shares))),
        *(
            Line(
                one.benefit.label,
                Text(f"{one.full_fen / 100:,.2f} 元", f"{one.full_fen / 100:,.2f} yuan"),
            )
            for one in held.payable
        ),
    ]
    if own:
        named = "、".join(f"{heir.name} {heir.percent}%" for heir in held.heirs)
        lines.append(Line(Text("受益人", "Beneficiary"), Text(named or "法定继承人", named or "Legal heirs")))
    return lines
