"""A web page of an origin that was named may send a file from a browser, a page of any other may not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx

from storage.keys import new_key
from storage.port import StoreConfig
from storage.s3 import S3Store
from storage.setup import allow_web_pages, set_up
from tests.services import USERS
from tests.storage.conftest import PAGE
from tests.storage.servers import server

STRANGER = "https://evil.example"
MINUTE = timedelta(minutes=1)


async def may(origin: str, method: str, url: str) -> bool:
    """Whether a browser that asks first, as browsers do, would let the page of this origin call."""
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type",
    }
    async with httpx.AsyncClient() as browser:
        try:
            answer = await browser.options(url, headers=asked)
        except httpx.RemoteProtocolError:
            # The embedded store hangs up on a page that it does not let in.
            return False
    allowed = answer.headers.get("access-control-allow-methods", "")
    return (
        answer.is_success
        and answer.headers.get("access-control-allow-origin") in (origin, "*")
        and (method in allowed or allowed == "*")
    )


async def addresses(store: S3Store) -> tuple[str, str]:
    """Where a form is sent, and where a part is put."""
    form = await store.upload_form(new_key(), content_type="image/png", min_size=1, max_size=9, valid_for=MINUTE)
    key = new_key()
    begun = await store.begin_parts(key, content_type="image/png")
    return form.url, await store.part_link(key, begun, 1, size=9, valid_for=MINUTE)


async def test_the_page_that_was_named_may_send(store: S3Store) -> None:
    form, part = await addresses(store)
    assert await may(PAGE, "POST", form)
    assert await may(PAGE, "PUT", part)
    made = await store.upload_form(new_key(), content_type="image/png", min_size=1, max_size=9, valid_for=MINUTE)
    async with httpx.AsyncClient() as browser:
        answer = await browser.post(
            made.url, data=dict(made.fields), files={"file": ("x", b"paper")}, headers={"Origin": PAGE}
        )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PAGE


async def test_a_page_of_another_origin_may_not(store: S3Store, config: StoreConfig) -> None:
    form, part = await addresses(store)
    documents = f"{config.endpoint}/{config.prefix}-documents/{new_key()}"
    for method, url in (("POST", form), ("PUT", part), ("GET", documents), ("DELETE", part)):
        assert not await may(STRANGER, method, url)


async def test_where_no_page_is_named_none_may(kind: str, tmp_path: Path) -> None:
    with server(kind, tmp_path) as started:
        set_up(started.config, USERS.processes if started.is_minio else None)
        allow_web_pages(started.config, (PAGE,))
        allow_web_pages(started.config, ())
        closed = S3Store(started.config)
        for url, method in zip(await addresses(closed), ("POST", "PUT"), strict=True):
            for origin in (PAGE, STRANGER, "null"):
                assert not await may(origin, method, url), (origin, method)
        closed.close()
