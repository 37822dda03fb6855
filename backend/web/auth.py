"""From a bearer token to an Actor; every route asks for one unless it says that it is public.

A middleware and not a guard, as all that comes before each handler: for every guard the framework copies the handler.
"""

from __future__ import annotations

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from backend.accounts.known import Known, KnownActors
from backend.accounts.login import Login
from backend.accounts.tokens import bad_token
from backend.clock import security_now
from backend.words import Language

#: Marks a route that anybody may call: `opt=PUBLIC`.
PUBLIC = {"public": True}

#: Marks a route that writes but changes nothing of the actor behind the token: `opt=KEEPS_ACTOR`.
KEEPS_ACTOR = {"keeps_actor": True}

#: What the OpenAPI document says of such a route: `security=NO_SECURITY`.
NO_SECURITY: list[dict[str, list[str]]] = [{}]

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Authentication(ASGIMiddleware):
    """Puts the Actor of the bearer token into the scope, out of this process's memory or the database."""

    scopes = (ScopeType.HTTP,)

    def __init__(self, login: Login, actors: KnownActors) -> None:
        self._login = login
        self._actors = actors

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Authenticate, then go on; raises Unauthenticated on a route that is not public."""
        options = scope["route_handler"].opt
        if not options.get("public"):
            token, language = _token_and_language(scope)
            known = await self._known(token, language)
            scope["user"], scope["auth"] = known.actor, known.claims
            if scope.get("method") not in _SAFE and not options.get("keeps_actor"):
                # One's own next request sees what one has just changed.
                self._actors.forget(known.actor.account_id)
        await next_app(scope, receive, send)

    async def _known(self, token: str, language: Language) -> Known:
        known = self._actors.get(token, language, security_now().timestamp())
        if known is None:
            changes = self._actors.changes
            claims = self._login.tokens.read_access(token)
            known = Known(claims, await self._login.actor(claims.account, claims.family, language))
            self._actors.keep(token, known, changes)
        return known


def _token_and_language(scope: Scope) -> tuple[str, Language]:
    """The bearer token and the language that a request asks for; raises Unauthenticated without a token."""
    authorization = accepted = ""
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization = value.decode("latin-1")
        elif name == b"accept-language":
            accepted = value.decode("latin-1")
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "bearer" or not token:
        raise bad_token()
    return token, Language.of(accepted) if accepted else Language.ZH
