"""Messages to workers: written with the business they report, sent after its commit, at most once each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
import structlog

from backend.accounts.phones import PHONE_PURPOSE
from backend.accounts.sms import Sms
from backend.clock import Clock
from backend.database import Write, execute, fetch_one, new_id, together, transaction
from backend.errors import NotFound
from backend.identity import Actor
from backend.jobs import Job, enqueued
from backend.notifications.templates import render
from backend.sealing import Sealer
from backend.words import Language

log = structlog.get_logger(__name__)

INBOX = "inbox"
SMS = "sms"

#: The inbox is this table: a message is delivered there as soon as it is written.
_INSERT = """INSERT INTO notification
        (id, occasion, recipient, channel, template, words, application, created_at, delivered_at)
    SELECT m.id, $1, m.recipient, m.channel, $2, $3, $4, $5, CASE m.channel WHEN 'inbox' THEN $5::timestamptz END
    FROM unnest($6::uuid[], $7::uuid[], $8::text[]) AS m (id, recipient, channel)
    ON CONFLICT (occasion, recipient, channel) DO NOTHING"""


def words_of(stored: str) -> dict[str, str]:
    """The words of a message as they come from the database."""
    return msgspec.json.decode(stored, type=dict[str, str])


@dataclass(frozen=True, slots=True)
class Notifications:
    """What is said to whom; the words are plain and hold no secret."""

    clock: Clock

    async def notify(
        self, occasion: UUID, recipient: UUID, template: str, words: Mapping[str, str], application: UUID | None = None
    ) -> None:
        """Put a message into the inbox of an account and queue it for its phone, within the current transaction.

        `occasion` is the event, verdict or act that is reported: the same one told again adds nothing. Raises KeyError
        for a template that does not exist or lacks a word.
        """
        write, sms = self._rows(occasion, [recipient], template, words, application, await self.clock.now())
        async with transaction():
            if await execute(write.sql, *write.args):
                await together(enqueued(Job.DELIVER_NOTIFICATION, sms))

    def message(
        self,
        occasion: UUID,
        recipients: Sequence[UUID],
        template: str,
        words: Mapping[str, str],
        application: UUID | None,
        at: datetime,
    ) -> list[Write]:
        """What `notify` does, for several accounts and an occasion that is new, as statements to be run."""
        write, sms = self._rows(occasion, recipients, template, words, application, at)
        return [write, *enqueued(Job.DELIVER_NOTIFICATION, sms)]

    @staticmethod
    def _rows(
        occasion: UUID,
        recipients: Sequence[UUID],
        template: str,
        words: Mapping[str, str],
        application: UUID | None,
        at: datetime,
    ) -> tuple[Write, list[UUID]]:
        """The rows of one message, in the inbox and for the phone of each account; the ids of those for phones."""
        for language in Language:
            render(template, words, language)
        inbox, sms = [new_id() for _ in recipients], [new_id() for _ in recipients]
        channels = [INBOX] * len(inbox) + [SMS] * len(sms)
        stored = msgspec.json.encode(words).decode()
        args = (occasion, template, stored, application, at, [*inbox, *sms], [*recipients, *recipients], channels)
        return Write(_INSERT, args), sms

    async def mark_read(self, actor: Actor, notification: UUID) -> None:
        """Note that the recipient has read a message of the inbox; raises NotFound for somebody else's."""
        touched = await execute(
            "UPDATE notification SET read_at = coalesce(read_at, $3)"
            " WHERE id = $1 AND recipient = $2 AND channel = 'inbox'",
            notification,
            actor.account_id,
            await self.clock.now(),
        )
        if not touched:
            raise NotFound()


@dataclass(frozen=True, slots=True)
class Delivery:
    """Sends what is queued; run by the worker."""

    clock: Clock
    sealer: Sealer
    sms: Sms

    async def deliver(self, notification: UUID) -> None:
        """Send one message by SMS unless that was tried before.

        The try is committed before anything goes out, so a message may be lost by a crash and is never doubled.
        """
        async with transaction():
            row = await fetch_one(
                "UPDATE notification n SET attempted_at = $2 FROM worker_account a"
                " WHERE n.id = $1 AND a.id = n.recipient AND n.channel = 'sms' AND n.attempted_at IS NULL"
                " RETURNING n.template, n.words, a.phone_sealed",
                notification,
                await self.clock.now(),
            )
            if row is None:
                return
            phone = self.sealer.open(row["phone_sealed"], PHONE_PURPOSE)
            # A note by an officer may speak of health: it is read behind the login, not on a lock screen.
            words = {name: value for name, value in words_of(row["words"]).items() if name != "comment"}
        message = render(row["template"], words, Language.ZH)
        try:
            await self.sms.send(phone, f"【娘家】{message.title}:{message.text}")
        except Exception as error:
            # It may have gone out, so it is not tried again; the inbox has it. The error's text may name the phone.
            log.warning("sms_lost", notification=str(notification), error=type(error).__name__)
            return
        await execute("UPDATE notification SET delivered_at = $2 WHERE id = $1", notification, await self.clock.now())
