"""From a bearer token to an Actor; every route asks for one unless it says that it is public."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from backend.accounts.login import Login
from backend.accounts.tokens import AccessClaims, bad_token
from backend.clock import security_now
from backend.identity import Actor
from backend.words import Language

#: Marks a route that anybody may call: `opt=PUBLIC`.
PUBLIC = {"public": True}

#: What the OpenAPI document says of such a route: `security=NO_SECURITY`.
NO_SECURITY: list[dict[str, list[str]]] = [{}]

_CACHED_TOKENS = 4096


class Authentication(ASGIMiddleware):
    """Puts the Actor of the bearer token into the scope.

    The signature of a token is verified once and remembered until it expires (bounded); whether its device is still
    logged in is asked of the database each time, so that a revocation holds from the next request on.
    """

    scopes = (ScopeType.HTTP,)

    def __init__(self, login: Login) -> None:
        self._login = login
        self._verified: OrderedDict[str, AccessClaims] = OrderedDict()

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Authenticate, then go on; raises Unauthenticated on a route that is not public."""
        if not scope["route_handler"].opt.get("public"):
            headers = {
                name: value for name, value in scope["headers"] if name in (b"authorization", b"accept-language")
            }
            kind, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
            if kind.lower() != "bearer" or not token:
                raise bad_token()
            claims = self._claims(token)
            language = Language.of(headers.get(b"accept-language", b"").decode("latin-1"))
            scope["user"] = await self._login.actor(claims.account, claims.family, language)
            scope["auth"] = claims
        await next_app(scope, receive, send)

    def _claims(self, token: str) -> AccessClaims:
        known = self._verified.get(token)
        if known is not None:
            if known.expires_at <= security_now().timestamp():
                del self._verified[token]
                raise bad_token()
            return known
        claims = self._login.tokens.read_access(token)
        self._verified[token] = claims
        if len(self._verified) > _CACHED_TOKENS:
            self._verified.popitem(last=False)
        return claims


def signed_in(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard of every route: somebody is known to be asking, or the route is public."""
    if not handler.opt.get("public") and not isinstance(connection.scope.get("user"), Actor):
        raise bad_token()
