"""The way to the data console: by table and role, in one transaction under row-level security, answered after it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote
from uuid import UUID

import asyncpg
import structlog
from litestar import asgi
from litestar.connection import ASGIConnection
from litestar.handlers import ASGIRouteHandler
from litestar.types import Message, Receive, Scope, Send

from admin.console import DataConsole, Reader
from admin.session import SESSION_COOKIE, browser_of, require_same_origin
from admin.tables import (
    ACCOUNT_READERS,
    BY_ALIAS,
    CASE_READERS,
    LIST_PAGE,
    PROGRAMME_EDITORS,
    REFERENCE_EDITORS,
    Shown,
)
from backend.accounts.console_login import ConsoleLogin
from backend.audit.log import record_apart
from backend.database import fetch_value, transaction
from backend.errors import DomainError
from backend.identity import Actor
from backend.web.problem import status_of, when_to_retry
from backend.words import UNPRINTABLE, Language, Text

log = structlog.get_logger(__name__)

ROLE = "niangjia_console_admin"
PREFIX = "/admin"
BODY_LIMIT = 256 * 1024
_SAFE = frozenset({"GET", "HEAD"})
SEEN_COOKIE = "niangjia_seen"

#: Piccolo Admin's page sets styles from its script and compiles its words at run time.
CSP = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data:; font-src 'self'"
    " data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_NO_TABLE = Text("没有这张表。", "There is no such table.")
_READ_ONLY = Text(
    "此表只供查看,请到评审工作台办理。", "This list is to be looked at: act on its rows at the review desk."
)
_NOT_YOURS = Text("您不能修改此表。", "This table is not yours to change.")
_NO_EXPORT = Text(
    "名册不能在此导出:请到评审工作台导出,导出会留下记录。",
    "Lists are not exported here: export at the review desk, where it is on record.",
)
_STALE = Text("内容已被他人更新,请刷新后再试。", "Someone changed this since you opened it. Reload and try again.")
_TOO_LARGE = Text("内容过大。", "Too large.")
_MALFORMED = Text("请求格式不正确。", "The request cannot be read.")
_BROKEN = Text("内容与已有记录冲突,或不合规定。", "This conflicts with what is on record, or breaks a rule.")


class _Refused(Exception):
    def __init__(self, status: int, message: Text) -> None:
        super().__init__(message.en)
        self.status = status
        self.message = message


@dataclass(slots=True)
class _Answer:
    """What the data console answered, held back until the transaction is over."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] | None = None
    body: bytes = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def send(self, send: Send) -> None:
        headers = [(name, value) for name, value in self.headers or [] if name.lower() != b"content-length"]
        headers.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


class Gate:
    """What stands before Piccolo Admin."""

    def __init__(self, console: DataConsole, login: ConsoleLogin) -> None:
        self._app: Any = console
        self._login = login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request below /admin/ of somebody who is logged in."""
        actor: Actor = scope["user"]
        method = scope.get("method", "GET")
        connection: ASGIConnection[Any, Any, Any, Any] = ASGIConnection(scope)
        path = UNPRINTABLE.sub("", unquote(scope["raw_path"].decode("latin-1")))[len(PREFIX) :]
        language = browser_of(connection).language
        try:
            if not path.startswith("/"):
                await _redirect(f"{PREFIX}/" if not path else "/", send)
            elif path == "/public/logout/" and method == "POST":
                require_same_origin(connection)
                await self._log_out(connection, send)
            else:
                if method not in _SAFE:
                    require_same_origin(connection)
                await self._pass_on(scope, receive, send, actor, path)
        except _Refused as refused:
            if method not in _SAFE:
                await record_apart(actor, "data.refused", "refused", detail={"path": path[:200]})
            await _say(send, refused.status, refused.message, language)
        except DomainError as error:
            await _say(send, status_of(error), error.message, language, when_to_retry(error))

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, actor: Actor, path: str) -> None:
        connection: ASGIConnection[Any, Any, Any, Any] = ASGIConnection(scope)
        browser = browser_of(connection)
        inner: dict[str, Any] = {**scope, "user": Reader(actor, browser), "root_path": "", "app_root_path": ""}
        parts = path.split("/")
        if path.startswith("/api/tables/") and len(parts) > 4 and parts[3] != "grouped":
            shown = BY_ALIAS.get(parts[3])
            if shown is None or not shown.readers & actor.roles:
                raise _Refused(404, _NO_TABLE)
            parts[3] = shown.name
            rest = parts[4:]
            _require_permitted(inner, actor, shown, rest)
            inner["path"] = "/".join(parts)
            inner["raw_path"] = quote(inner["path"]).encode()
            place = scope["raw_path"].decode("latin-1")
            await self._in_transaction(inner, receive, send, shown, rest, place)
            return
        inner["path"] = path
        inner["raw_path"] = quote(path).encode()
        await self._app(inner, receive, _with_policy(send))

    async def _in_transaction(
        self, scope: dict[str, Any], receive: Receive, send: Send, shown: Shown, rest: list[str], place: str
    ) -> None:
        actor, language = scope["user"].actor, scope["user"].browser.language
        answer = _Answer()
        body = await _body(receive)
        single = rest[0] if len(rest) == 2 and rest[0] not in _WORDS_AS_IDS else ""
        try:
            async with transaction(role=ROLE, settings=settings_of(actor)):
                seen = await _state_of(shown, single) if single and shown.editors else None
                if scope["method"] == "PATCH" and _seen_before(scope) not in (None, seen):
                    raise _Refused(409, _STALE)
                await self._app(scope, body, answer)
                if answer.status >= 400:
                    raise _RolledBack
                if scope["method"] == "PATCH":
                    seen = await _state_of(shown, single)
        except _RolledBack:
            pass
        except ValueError as error:
            # Piccolo Admin's word for a column, a filter or a body that it does not understand.
            log.info("data_malformed", table=shown.name, error=type(error).__name__)
            raise _Refused(400, _MALFORMED) from None
        except asyncpg.InsufficientPrivilegeError:
            raise _Refused(403, _NOT_YOURS) from None
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
            log.info("data_refused", table=shown.name, error=type(error).__name__)
            raise _Refused(422, _BROKEN) from None
        if answer.status < 400:
            if rest == ["schema", ""]:
                answer.body = _in_words(answer.body, shown, language)
            if seen is not None and answer.headers is not None:
                answer.headers.append((b"set-cookie", _seen_cookie(place, seen)))
        elif answer.status == 422 and b"db_error" in answer.body:
            answer.body = _as_shown(422, _BROKEN.in_(language))
        elif isinstance(words := _detail(answer.body), str):
            answer.body = _as_shown(answer.status, words)
        if answer.status in (401, 403) and scope["method"] != "GET":
            await record_apart(actor, "data.refused", "refused", detail={"path": scope["path"][:200]})
        await answer.send(_with_policy(send))

    async def _log_out(self, connection: ASGIConnection[Any, Any, Any, Any], send: Send) -> None:
        session = browser_of(connection).session
        if session is not None:
            await self._login.end(session)
        gone = f"{SESSION_COOKIE}=; Max-Age=0; Path=/; HttpOnly; SameSite=strict"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"set-cookie", gone.encode())]})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def data_console(gate: Gate) -> ASGIRouteHandler:
    """The handler of everything below /admin."""

    @asgi(PREFIX, is_mount=True, copy_scope=True)
    async def data(scope: Scope, receive: Receive, send: Send) -> None:
        await gate(scope, receive, send)

    return data


def settings_of(actor: Actor) -> Mapping[str, str]:
    """What row-level security is told of the reader."""

    def unions(roles: frozenset[Any]) -> str:
        return ",".join(sorted({str(binding.union_id) for binding in actor.unions_as(*roles)}))

    def switch(roles: frozenset[Any]) -> str:
        return "on" if actor.roles & roles else "off"

    return {
        "app.case_unions": unions(CASE_READERS),
        "app.programme_unions": unions(PROGRAMME_EDITORS),
        "app.reference_editor": switch(REFERENCE_EDITORS),
        "app.reference_unions": unions(REFERENCE_EDITORS),
        "app.account_reader": switch(ACCOUNT_READERS),
        "app.account_unions": unions(ACCOUNT_READERS),
    }


class _RolledBack(Exception):
    pass


#: What stands in an address where a row's id could.
_WORDS_AS_IDS = frozenset({"schema", "ids", "count", "references", "new"})


def _require_permitted(scope: dict[str, Any], actor: Actor, shown: Shown, rest: list[str]) -> None:
    """Raise _Refused unless the method may be tried: rows are then a matter of row-level security."""
    method = scope["method"]
    if method in _SAFE:
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        sizes = [size for values in (query.get("__page_size"), query.get("limit")) for size in values or []]
        if shown.is_list and any(not size.isdigit() or int(size) > LIST_PAGE for size in sizes):
            raise _Refused(403, _NO_EXPORT)
        if shown.is_list and rest[0] == "ids":
            raise _Refused(403, _NO_EXPORT)
        return
    wanted = {"POST": shown.adders, "PATCH": shown.editors}.get(method, frozenset())
    if not wanted & actor.roles:
        raise _Refused(403, _READ_ONLY if shown.is_list else _NOT_YOURS)


async def _body(receive: Receive) -> Receive:
    """The whole body, read before the transaction; raises _Refused past BODY_LIMIT."""
    whole, more = b"", True
    while more:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            break
        whole += message.get("body", b"")
        more = message.get("more_body", False)
        if len(whole) > BODY_LIMIT:
            raise _Refused(413, _TOO_LARGE)
    given = False

    async def again() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": whole, "more_body": False}

    return again


async def _state_of(shown: Shown, row_id: str) -> str | None:
    """A digest of a row as it is, to tell whether it changed since it was looked at."""
    key = shown.table._meta.primary_key
    try:
        value: Any = UUID(row_id) if key.value_type is UUID else int(row_id)
    except ValueError:
        return None
    digest: str | None = await fetch_value(
        f'SELECT md5(t::text) FROM "{shown.name}" t WHERE t."{key._meta.name}" = $1', value
    )
    return digest


def _seen_before(scope: dict[str, Any]) -> str | None:
    connection: ASGIConnection[Any, Any, Any, Any] = ASGIConnection(scope)  # type: ignore[arg-type]
    return connection.cookies.get(SEEN_COOKIE)


def _seen_cookie(place: str, seen: str) -> bytes:
    # Of this row's own address: it comes back with the change of this row, and with nothing else.
    return f"{SEEN_COOKIE}={seen}; Path={place}; HttpOnly; SameSite=strict".encode()


def _in_words(body: bytes, shown: Shown, language: Language) -> bytes:
    """A table's schema with our titles and choices."""
    schema = json.loads(body)
    for name, place in schema.get("properties", {}).items():
        if name in shown.columns:
            place["title"] = shown.columns[name].in_(language)
        if name in shown.values:
            place["extra"]["choices"] = {
                value: {"display_name": text.in_(language), "value": value}
                for value, text in shown.values[name].items()
            }
        target = place.get("extra", {}).get("foreign_key")
        if target and target.get("to") in BY_ALIAS:
            target["to"] = BY_ALIAS[target["to"]].alias(language)
    return json.dumps(schema).encode()


def _with_policy(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), (b"content-security-policy", CSP.encode())]
        await send(message)

    return sending


async def _redirect(place: str, send: Send) -> None:
    await send({"type": "http.response.start", "status": 307, "headers": [(b"location", place.encode())]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _detail(body: bytes) -> Any:
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer.get("detail") if isinstance(answer, dict) else None


def _as_shown(status: int, words: str) -> bytes:
    """A refusal in the one shape that Piccolo Admin's page shows word for word: on a plain `detail` it stumbles."""
    return json.dumps({"custom_form_error": words} if status == 422 else words, ensure_ascii=False).encode()


async def _say(
    send: Send, status: int, message: Text, language: Language, more: Mapping[str, str] | None = None
) -> None:
    body = _as_shown(status, message.in_(language))
    headers = [(b"content-type", b"application/json"), (b"content-language", language.value.encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in (more or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
