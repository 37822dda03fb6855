"""A worker's phone as the tour and the tests of the API play it: HTTP to the API, uploads to the store."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from backend.documents.kinds import MediaType, PaperKind

_CODE = re.compile(r"(登录|认领档案)验证码 (\d{6})")
_MESSAGE_S = 10.0


class Surprise(Exception):
    """An answer that the story does not expect; the text says which."""


def described(
    content: bytes, kind: str = PaperKind.WORK_PERMIT, media_type: str = MediaType.PNG, name: str = "材料.png"
) -> dict[str, Any]:
    """What a phone says of a file before it sends it."""
    return {
        "kind": kind,
        "name": name,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "media_type": media_type,
    }


class Phone:
    """One phone: it reads its messages from the demonstration's SMS file, as a person would from the screen."""

    #: How long it waits for what the worker does.
    patience_s = 60.0

    def __init__(
        self, api: httpx.AsyncClient, messages: Path, number: str, store: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """`store` is the way to the object store, where it is not the plain one."""
        self.api = api
        self.store = store
        self.messages = messages
        self.number = number
        self.access_token = ""
        self.refresh_token = ""
        self._headers: dict[str, str] = {"Accept-Language": "zh-CN"}

    async def log_in(self, device: str = "旧手机") -> None:
        """Ask for a code, read it, trade it for tokens."""
        await self.call("POST", "/login/codes", 202, {"phone": self.number})
        await self.take_tokens(await self.code(), device)

    async def take_tokens(self, code: str, device: str = "旧手机") -> None:
        """Trade a code for tokens."""
        tokens = await self.call("POST", "/login/tokens", 200, {"phone": self.number, "code": code, "device": device})
        self.refresh_token = tokens["refresh_token"]
        self.use(tokens["access_token"])

    def use(self, access_token: str) -> None:
        """Send this token from now on."""
        self.access_token = access_token
        self._headers["Authorization"] = f"Bearer {access_token}"

    async def code(self, purpose: str = "登录") -> str:
        """The last code for this purpose that came to this number; waits for a message that is on its way."""
        for _ in range(int(_MESSAGE_S / 0.1)):
            for line in reversed(await asyncio.to_thread(self._received)):
                _, number, text = line.split("\t", 2)
                found = _CODE.search(text)
                if number == self.number and found is not None and found[1] == purpose:
                    return found[2]
            await asyncio.sleep(0.1)
        raise Surprise(f"no code came to {self.number}")

    def _received(self) -> list[str]:
        return self.messages.read_text("utf-8").splitlines() if self.messages.exists() else []

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request to the API; a POST or PUT carries an Idempotency-Key of its own unless one is given."""
        sent = {**self._headers, **(headers or {})}
        if method in ("POST", "PUT"):
            sent["Idempotency-Key"] = key or uuid4().hex
        return await self.api.request(method, f"/api/v1{path}", json=body, headers=sent)

    async def call(self, method: str, path: str, expected: int, body: Any = None, *, key: str | None = None) -> Any:
        """One request whose answer must have this status; what it says."""
        answer = await self.send(method, path, body, key=key)
        if answer.status_code != expected:
            raise Surprise(f"{method} {path}: {answer.status_code} instead of {expected}: {answer.text[:500]}")
        return answer.json() if answer.content else None

    async def refused(self, method: str, path: str, expected: int, code: str, body: Any = None) -> Any:
        """One request that must be refused with this code; the problem."""
        problem = await self.call(method, path, expected, body)
        codes = {problem["code"], *(violation["code"] for violation in problem.get("violations", []))}
        if code not in codes:
            raise Surprise(f"{method} {path}: {problem['code']} instead of {code}: {problem}")
        return problem

    async def consent(self, *purposes: str) -> None:
        """Agree to purposes in their present wording."""
        texts = (await self.call("GET", "/consents/texts", 200))["items"]
        for text in texts:
            if text["purpose"] in purposes:
                await self.call(
                    "POST",
                    "/consents",
                    200,
                    {"purpose": text["purpose"], "text_version": text["text_version"]},
                )

    async def upload(self, kind: str, content: bytes, media_type: str = MediaType.PNG, name: str = "材料.png") -> str:
        """Reserve, send to the store, complete; the upload's id."""
        reserved = await self.call("POST", "/documents", 201, described(content, kind, media_type, name))
        await self.send_file(reserved["form"], content, media_type, name)
        await self.call("POST", f"/documents/{reserved['id']}/complete", 200)
        return str(reserved["id"])

    async def send_file(self, form: Any, content: bytes, media_type: str, name: str) -> None:
        """Send a file to the store with the form that came with its reservation."""
        async with httpx.AsyncClient(trust_env=False, transport=self.store, timeout=30) as store:
            answer = await store.post(form["url"], data=form["fields"], files={"file": (name, content, media_type)})
        if answer.status_code not in (200, 201, 204):
            raise Surprise(f"the store refused the file: {answer.status_code} {answer.text[:300]}")

    async def checked(self, upload: str) -> Any:
        """Wait until the worker has checked a file; what the phone shows then."""
        for _ in range(int(self.patience_s / 0.2)):
            paper = await self.call("GET", f"/documents/{upload}", 200)
            if paper["state"] != "uploaded":
                return paper
            await asyncio.sleep(0.2)
        raise Surprise(f"the file was not checked within {self.patience_s:.0f} s")

    async def request_stay(self, batch: str, stay: Mapping[str, Any], papers: Sequence[tuple[str, str]]) -> Any:
        """Draft a request, attach papers (requirement, upload) and submit it; the case."""
        drafted = await self.call("POST", "/recuperation/requests", 201, {"batch_id": batch, **stay})
        for requirement, upload in papers:
            await self.call(
                "POST",
                f"/applications/{drafted['id']}/papers",
                200,
                {"requirement": requirement, "upload_id": upload},
            )
        return await self.act(drafted["id"], "submit")

    async def case(self, case: str) -> Any:
        """One case with its timeline."""
        return await self.call("GET", f"/applications/{case}", 200)

    async def act(self, case: str, action: str, expected: int = 200) -> Any:
        """Submit, confirm, decline or withdraw with the version that is shown now."""
        shown = await self.case(case)
        return await self.call("POST", f"/applications/{case}/{action}", expected, {"version": shown["version"]})

    async def until(self, case: str, state: str) -> Any:
        """Wait for what the worker does to a case by time; the case in this state."""
        for _ in range(int(self.patience_s / 0.5)):
            shown = await self.case(case)
            if shown["state"] == state:
                return shown
            await asyncio.sleep(0.5)
        raise Surprise(f"{shown['number']} is {shown['state']}, not {state}, after {self.patience_s:.0f} s")
