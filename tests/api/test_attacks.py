"""The liar at the API: hostile words in every field, other people's ids at every route, forged tokens, huge bodies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from backend.accounts.tokens import AUDIENCE, ISSUER
from backend.clock import security_now
from backend.database import fetch_value
from backend.operations.openapi_document import openapi_document
from backend.operations.tour.phone import Phone
from backend.settings import settings
from tests.api.conftest import STAY, Api
from tests.integration.stay_world import batch_version

#: Refused wherever they stand, with the field named.
UNPRINTABLE = ("甲\x00乙", "甲\u202e乙", "甲\u200f乙", "甲\x1b[2J", "\ud800")
LONG = "长" * 10_000

#: Text like any other: stored as it is, or refused by a rule of the field.
ODD = (
    "'; DROP TABLE person; --",
    '=HYPERLINK("http://elsewhere.test","领取")',
    "<script>alert(1)</script>",
    "{number} {0} {comment.__class__} %s %(x)s",
    "𠮷👩‍⚕️é",
    "../../etc/passwd",
)


@dataclass(frozen=True)
class Call:
    """One request that writes, with a body that is good for the worker who sends it."""

    method: str
    path: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """A worker with a paper, a draft, a relative and a message; and a stranger who has the same."""

    api: Api
    owner: Phone
    stranger: Phone
    ids: dict[str, str]
    calls: tuple[Call, ...]

    async def raw(self, call: Call, body: Any, phone: Phone | None = None) -> httpx.Response:
        """The call with another body; surrogates too, which no decent client would send."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": uuid4().hex}
        headers["Authorization"] = f"Bearer {(phone or self.owner).access_token}"
        content = json.dumps(body).encode()
        return await self.api.client.request(call.method, f"/api/v1{call.path}", content=content, headers=headers)


@pytest.fixture
async def scene(api: Api) -> Scene:
    batch = str(await api.world.batch(3))
    owner, stranger = await api.registered("13800001111", 1), await api.registered("13800002222", 3)
    paper = {
        "kind": "work_permit",
        "name": "工作证.jpg",
        "size": 1000,
        "sha256": "0" * 64,
        "media_type": "image/jpeg",
    }
    upload = (await owner.call("POST", "/documents", 201, paper))["id"]
    drafted = await owner.call("POST", "/recuperation/requests", 201, {"batch_id": batch, **STAY})
    relative = {"name": "李四", "identifier": api.record(8)["identifier"], "kind": "spouse", "from_on": "2014-10-01"}
    relation = (await owner.call("POST", "/registry/family", 201, relative))["id"]
    consent = {"purpose": "publication", "text_version": "2026-03"}
    act = {"version": 1, "comment": "说明"}
    case = f"/applications/{drafted['id']}"
    request = f"/recuperation/requests/{drafted['id']}"
    record = api.record(1, department="重症医学科", list_version="第3版", identifier=None, version=3)
    record["honours"] = [{"title": "先进个人", "level": "city", "awarded_on": "2021-05-01"}]
    identifier = {"identifier": {"type": "resident_id", "number": "370999198506150016", "sex": "male"}}
    ids = {
        "application_id": drafted["id"],
        "upload_id": upload,
        "relation_id": relation,
        "message_id": (await owner.call("GET", "/inbox", 200))["items"][0]["id"],
        "device_id": (await owner.call("GET", "/devices", 200))["items"][0]["id"],
        "requirement": "work",
        "purpose": "publication",
        **{name: str(uuid4()) for name in ("cover_id", "plan_id", "campaign_id", "notice_id", "batch_id", "union_id")},
    }
    by_hand = (
        Call("POST", "/login/codes", {"phone": "13800005555"}),
        Call("POST", "/login/tokens", {"phone": "13800005555", "code": "123456", "device": "手机"}),
        Call("POST", "/login/refresh", {"refresh_token": owner.refresh_token}),
        Call("POST", "/consents", consent),
        Call("PUT", "/registry/record", record),
        Call("POST", "/registry/record/submit", {"version": 3}),
        Call("POST", "/registry/takeover/codes", identifier),
        Call("POST", "/registry/takeover", {**identifier, "code": "123456"}),
        Call("POST", "/registry/family", relative),
        Call("POST", "/documents", paper),
        Call("POST", "/recuperation/requests", {"batch_id": batch, **STAY}),
        Call("PUT", request, {"version": 1, **STAY}),
        Call("POST", f"{case}/papers", {"requirement": "work", "upload_id": upload}),
        *(Call("POST", f"{case}/{verb}", act) for verb in ("submit", "withdraw", "confirm", "decline")),
        Call("POST", f"/notices/{uuid4()}/objections", {"application_id": drafted["id"], "words": "请核实" * 5}),
    )
    return Scene(api, owner, stranger, ids, (*by_hand, *by_example(by_hand, ids)))


def by_example(calls: tuple[Call, ...], ids: dict[str, str]) -> Iterator[Call]:
    """Every other request with a body, as the examples of the OpenAPI document make it."""
    schemas = json.loads(openapi_document())["components"]["schemas"]
    for method, path, operation in operations():
        if "requestBody" in operation and not _called(calls, method, path):
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            yield Call(method, path.format(**ids), _example(schema, schemas))


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """What the document gives as an example; of an object what it requires."""
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if schema.get("format") == "uuid":
        return str(uuid4())
    if schema.get("examples"):
        return schema["examples"][0]
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return _example(schema[several][0], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            return {name: _example(fields[name], schemas) for name in schema.get("required", [])}
        case "array":
            return [_example(schema["items"], schemas)]
        case "string":
            return "说明"
        case kind:
            return {"integer": 1, "number": 1, "boolean": True}.get(str(kind))


def _called(calls: tuple[Call, ...], method: str, path: str) -> bool:
    pattern = re.compile(re.sub(r"{[^}]*}", "[^/]+", path))
    return any(call.method == method and pattern.fullmatch(call.path) for call in calls)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path within /api/v1 and description of every operation."""
    for path, methods in json.loads(openapi_document())["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/api/v1") and "responses" in operation:
                yield method.upper(), path.removeprefix("/api/v1"), operation


def texts(body: Any, field: str = "") -> Iterator[str]:
    """The dotted paths of the strings in a body."""
    parts = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, part in parts:
        where = f"{field}.{name}" if field else str(name)
        if isinstance(part, str):
            yield where
        yield from texts(part, where)


def bent(body: Any, field: str, text: str) -> Any:
    """The body with another text at one place."""
    copy = json.loads(json.dumps(body))
    *before, last = field.split(".")
    place = copy
    for name in before:
        place = place[int(name)] if isinstance(place, list) else place[name]
    place[int(last) if isinstance(place, list) else last] = text
    return copy


async def test_the_scene_leaves_no_request_with_a_body_out(scene: Scene) -> None:
    left_out = [
        path
        for method, path, operation in operations()
        if "requestBody" in operation and not _called(scene.calls, method, path)
    ]
    assert left_out == []


async def test_unprintable_words_are_refused_in_every_field_and_named(scene: Scene) -> None:
    before = await fetch_value("SELECT count(*) FROM audit_entry")
    for call in scene.calls:
        for field in texts(call.body):
            for text in UNPRINTABLE:
                answer = await scene.raw(call, bent(call.body, field, text))
                where = (call.method, call.path, field, text, answer.text)
                assert answer.status_code == 400, where
                assert answer.headers["content-type"] == "application/problem+json", where
                if text != "\ud800":  # half a character is not JSON at all, and has no field
                    assert [one["field"] for one in answer.json()["violations"]] == [field], where
    assert await fetch_value("SELECT count(*) FROM audit_entry") == before


async def test_unprintable_words_are_refused_in_addresses(scene: Scene) -> None:
    for method, path in (
        ("GET", "/unions?q=%00"),
        ("GET", "/unions?q=%E2%80%AE"),
        ("GET", "/inbox?cursor=%00"),
        ("DELETE", "/consents/a%00b"),
        ("DELETE", f"/applications/{scene.ids['application_id']}/papers/w%00/{scene.ids['upload_id']}"),
    ):
        answer = await scene.owner.send(method, path)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), (path, answer.text)
    assert (await scene.api.client.get("/notices/a%00b")).status_code == 400


async def test_long_and_odd_words_break_nothing(scene: Scene) -> None:
    for call in scene.calls:
        for field in texts(call.body):
            for text in (LONG, *ODD):
                answer = await scene.raw(call, bent(call.body, field, text))
                where = (call.method, call.path, field, text[:30], answer.text[:300])
                assert answer.status_code < 500, where
                assert text != LONG or answer.status_code in (400, 401, 404, 409, 413, 422), where
                if answer.status_code >= 400:
                    assert answer.headers["content-type"] == "application/problem+json", where


async def test_odd_words_come_back_as_they_were(scene: Scene) -> None:
    for text in ODD:
        shown = await scene.owner.call("GET", "/registry/record", 200)
        entered = scene.api.record(1, department=text, identifier=None, version=shown["version"])
        entered["services"][0]["place"] = text
        saved = await scene.owner.call("PUT", "/registry/record", 200, entered)
        assert (saved["department"], saved["services"][0]["place"]) == (text, text)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 30_000, b'{"a":' * 10_000, b"NaN"],
    ids=lambda content: repr(content[:8]),
)
async def test_what_is_no_body_is_malformed(scene: Scene, content: bytes) -> None:
    for call in scene.calls:
        headers = {"Authorization": f"Bearer {scene.owner.access_token}", "Idempotency-Key": uuid4().hex}
        answer = await scene.api.client.request(
            call.method, f"/api/v1{call.path}", content=content, headers={**headers, "Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), (call.path, answer.text)


async def test_bodies_beyond_the_limit_are_refused_at_every_route(scene: Scene) -> None:
    for call in scene.calls:
        answer = await scene.raw(call, {**call.body, "more": "x" * 70_000})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large"), call.path


async def test_unknown_fields_are_refused_at_every_route(scene: Scene) -> None:
    for call in scene.calls:
        answer = await scene.raw(call, {**call.body, "is_admin": True})
        found = answer.json()["violations"]
        assert [(one["code"], one["field"]) for one in found] == [("unknown_field", "is_admin")], (call.path, found)


async def test_refusals_speak_both_languages(scene: Scene) -> None:
    """Every refusal of these says what and where, in the reader's language and in none of the other's."""
    for call in scene.calls:
        for field in texts(call.body):
            for value in (LONG, "", "?"):
                body = bent(call.body, field, value)
                for language, foreign in (("zh-CN", "Expected"), ("en", None)):
                    headers = {"Authorization": f"Bearer {scene.owner.access_token}", "Accept-Language": language}
                    answer = await scene.api.client.request(
                        call.method,
                        f"/api/v1{call.path}",
                        json=body,
                        headers={**headers, "Idempotency-Key": uuid4().hex},
                    )
                    if answer.status_code not in (400, 422):
                        continue
                    problem = answer.json()
                    assert problem["violations"], (call.path, field, problem)
                    assert answer.headers["content-language"] == language
                    for one in problem["violations"]:
                        chinese = any("\u4e00" <= letter <= "\u9fff" for letter in one["message"])
                        assert chinese is (language == "zh-CN"), (call.path, field, one)
                        assert foreign is None or foreign not in one["message"]


#: Ids that are everybody's to use.
PUBLIC_IDS = {"union_id", "batch_id", "notice_id", "campaign_id", "plan_id", "purpose"}


async def test_another_workers_ids_are_unknown_at_every_route(scene: Scene) -> None:
    bodies = {(call.method, call.path): call.body for call in scene.calls}
    tried = set()
    for method, path, operation in operations():
        names = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"}
        if not names - PUBLIC_IDS:
            continue
        address = path.format(**scene.ids)
        answer = await scene.stranger.send(method, address, bodies.get((method, address)))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, path, answer.text)
        unknown = path.format(
            **{name: value if name in ("requirement", "purpose") else uuid4() for name, value in scene.ids.items()}
        )
        nobody = await scene.stranger.send(method, unknown, bodies.get((method, address)))
        assert _shape(nobody) == _shape(answer), (method, path)
        tried.add(path)
    assert len(tried) == 28
    assert (await scene.owner.case(scene.ids["application_id"]))["state"] == "draft"
    assert len((await scene.owner.call("GET", "/registry/family", 200))["items"]) == 1


async def test_another_workers_paper_answers_nothing_of_ones_own(scene: Scene) -> None:
    batch = str(await scene.api.world.batch(3))
    own = await scene.stranger.call("POST", "/recuperation/requests", 201, {"batch_id": batch, **STAY})
    body = {"requirement": "work", "upload_id": scene.ids["upload_id"]}
    await scene.stranger.refused("POST", f"/applications/{own['id']}/papers", 404, "not_found", body)
    evidence = scene.api.record(3, identifier=None, version=3)
    evidence["services"][0]["evidence"] = scene.ids["upload_id"]
    await scene.stranger.refused("PUT", "/registry/record", 422, "evidence", evidence)


def _shape(answer: httpx.Response) -> tuple[int, dict[str, Any]]:
    return answer.status_code, {name: value for name, value in answer.json().items() if name != "instance"}


async def test_forged_tokens_open_nothing(api: Api) -> None:
    phone = await api.logged_in("13800001234")
    key = settings().token_key
    good = jwt.decode(phone.access_token, key, algorithms=["HS256"], audience=AUDIENCE)
    now = security_now()
    other = await api.logged_in("13800005678")
    family = jwt.decode(other.access_token, key, algorithms=["HS256"], audience=AUDIENCE)["fam"]
    head, body, signature = phone.access_token.split(".")
    forged = {
        "no algorithm": jwt.encode(good, "", algorithm="none"),
        "another key": jwt.encode(good, bytes(31) + b"\x01", algorithm="HS256"),
        "another algorithm": jwt.encode(good, key * 2, algorithm="HS512"),
        "expired": jwt.encode({**good, "exp": now - timedelta(seconds=1)}, key, algorithm="HS256"),
        "another audience": jwt.encode({**good, "aud": "niangjia-console"}, key, algorithm="HS256"),
        "another issuer": jwt.encode({**good, "iss": f"{ISSUER}.evil"}, key, algorithm="HS256"),
        "another's device": jwt.encode({**good, "fam": family}, key, algorithm="HS256"),
        "nobody": jwt.encode({**good, "sub": str(uuid4())}, key, algorithm="HS256"),
        "no id": jwt.encode({**good, "sub": "admin"}, key, algorithm="HS256"),
        "another body": f"{head}.{_b64(json.dumps({**good, 'sub': str(uuid4())}))}.{signature}",
        "cut": f"{head}.{body}.{signature[:-2]}",
        "no signature": f"{head}.{body}.",
        "a refresh token": phone.refresh_token,
        **{f"without {name}": _without(good, name, key) for name in ("exp", "sub", "fam", "iss", "aud")},
    }
    for what, token in forged.items():
        phone.use(token)
        answer = await phone.send("GET", "/me")
        assert (answer.status_code, answer.json()["code"]) == (401, "login_needed"), what
        assert answer.headers["www-authenticate"] == "Bearer"
    await other.call("GET", "/me", 200)


def _without(claims: dict[str, Any], name: str, key: bytes) -> str:
    return jwt.encode({claim: value for claim, value in claims.items() if claim != name}, key, algorithm="HS256")


def _b64(text: str) -> str:
    return jwt.utils.base64url_encode(text.encode()).decode()


async def test_forged_refresh_tokens_end_nobodys_device(api: Api) -> None:
    phone = await api.logged_in("13800001234")
    last = phone.refresh_token[-1]
    for token in (
        "",
        "x" * 100,
        phone.refresh_token[:-1] + ("A" if last != "A" else "B"),
        phone.access_token[:100],
        f"!{phone.refresh_token}",
        phone.refresh_token.swapcase(),
    ):
        answer = await phone.send("POST", "/login/refresh", {"refresh_token": token})
        assert answer.status_code == 401, token
    await phone.call("GET", "/me", 200)
    await phone.call("POST", "/login/refresh", 200, {"refresh_token": phone.refresh_token})


async def test_a_number_in_full_width_digits_is_nobodys_phone(api: Api) -> None:
    phone = api.phone("13800001234")
    await phone.refused("POST", "/login/codes", 422, "phone_shape", {"phone": "138００００１２３４"})
    assert await fetch_value("SELECT count(*) FROM login_code") == 0


async def test_stale_versions_change_nothing(scene: Scene) -> None:
    owner, case = scene.owner, scene.ids["application_id"]
    for version in (2, 99, 2**31 - 1):
        body = {"version": version, **STAY}
        await owner.refused("PUT", f"/recuperation/requests/{case}", 409, "stale_version", body)
        for verb in ("submit", "withdraw"):
            await owner.refused("POST", f"/applications/{case}/{verb}", 409, "stale_version", {"version": version})
    for shown in (None, 1, 2, 99):
        entered = scene.api.record(1, identifier=None, version=shown)
        await owner.refused("PUT", "/registry/record", 409, "stale_version", entered)
    for bent_version in (0, -1, 2**31, "x", 1.5, None):
        answer = await owner.send("POST", f"/applications/{case}/withdraw", {"version": bent_version})
        assert answer.status_code == 400, bent_version
    assert (await owner.case(case))["version"] == 1


async def test_what_only_others_may_do_is_not_on_the_phone(scene: Scene) -> None:
    """A worker cannot place, approve or promote: those words are no routes, and the door refuses them anyway."""
    case = scene.ids["application_id"]
    for verb in ("approve", "decide", "place", "promote", "conclude", "complete", "grant", "review"):
        answer = await scene.owner.send("POST", f"/applications/{case}/{verb}", {"version": 1})
        assert answer.status_code == 404, verb
    for verb in ("confirm", "decline"):
        await scene.owner.refused("POST", f"/applications/{case}/{verb}", 409, "illegal_transition", {"version": 1})


async def test_a_drafted_batch_does_not_exist_on_the_phone(scene: Scene) -> None:
    batch = await scene.api.world.batch(3, opened=False)
    assert await batch_version(batch) == 1
    for method, path, body in (
        ("GET", f"/recuperation/batches/{batch}", None),
        ("GET", f"/recuperation/batches/{batch}/eligibility", None),
        ("POST", "/recuperation/requests", {"batch_id": str(batch), **STAY}),
    ):
        answer = await scene.owner.send(method, path, body)
        assert answer.status_code == 404, path
        unknown = json.loads(json.dumps(body).replace(str(batch), str(uuid4())))
        nobody = await scene.owner.send(method, path.replace(str(batch), str(uuid4())), unknown)
        assert _shape(nobody) == _shape(answer)
    listed = (await scene.owner.call("GET", "/recuperation/batches", 200))["items"]
    assert str(batch) not in {one["id"] for one in listed}


async def test_a_wrong_address_is_a_problem_too(api: Api) -> None:
    phone = await api.logged_in("13800001234")
    for method, path, status, code in (
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/applications/not-an-id", 404, "not_found"),
        ("PATCH", "/me", 405, "method_not_allowed"),
        ("GET", "/applications?limit=x", 400, "malformed"),
    ):
        answer = await phone.send(method, path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
