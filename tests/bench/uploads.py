"""Measures what direct uploads cost: 64 files of 2 MB by the phone's way against the store's own SDK, in one run.

`make bench-uploads` prints the throughputs, their ratios, and how much the api's memory and CPU moved. Beside both ways
stand two bare ones, by links and forms that nobody but the store has a hand in: so what a form costs the store itself
is told from what we add to it. It asserts nothing: a busy machine says more about itself than about the code.
NIANGJIA_TEST_STORE=minio measures MinIO.
"""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from statistics import median
from typing import Any

import httpx
import urllib3
from minio import Minio

from tests import services

os.environ.update(services.environment())

from backend.database import close_pool, execute, open_pool
from backend.operations.embedded_store import Store
from backend.operations.servers import free_ports
from backend.operations.tour.phone import Phone, described
from storage.keys import new_key
from storage.s3 import S3Store
from storage.setup import Process
from tests.api.conftest import messages
from tests.bench.load import cpu_seconds, memory_mb
from tests.integration.paper_world import make_world

FILES, SIZE, AT_ONCE, ROUNDS = 64, 2 * 1024 * 1024, 8, 5
CONTENTS = [os.urandom(SIZE) for _ in range(FILES)]


def seconds_of(send: Callable[..., None], *about: Sequence[Any]) -> float:
    """How long it takes to send all files, on as many threads as the phones are."""
    began = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(send, *about))
    return time.monotonic() - began


def by_sdk(store: Store) -> float:
    """Seconds for all files with the SDK's put_object."""
    config = store.config
    client = Minio(config.endpoint.removeprefix("http://"), config.access_key, config.secret_key, secure=False)

    def put(content: bytes) -> None:
        client.put_object(f"{config.prefix}-quarantine", new_key(), io.BytesIO(content), SIZE, "application/pdf")

    return seconds_of(put, CONTENTS)


def by_link(store: Store) -> float:
    """Seconds for all files by a PUT to a signed link, with no more than the HTTP client."""
    config = store.config
    client = Minio(config.endpoint.removeprefix("http://"), config.access_key, config.secret_key, secure=False)
    bucket = f"{config.prefix}-quarantine"
    links = [client.get_presigned_url("PUT", bucket, new_key()) for _ in CONTENTS]
    http = urllib3.PoolManager(maxsize=AT_ONCE)

    def put(link: str, content: bytes) -> None:
        answer = http.request("PUT", link, body=content, headers={"Content-Type": "application/pdf"})
        if answer.status != 200:
            raise RuntimeError(f"the store refused a file: {answer.status}")

    return seconds_of(put, links, CONTENTS)


async def bare_forms(opened: S3Store) -> list[tuple[dict[str, str], str]]:
    """As many forms as files, signed without the api."""
    signed = [
        await opened.upload_form(
            new_key(), content_type="application/pdf", min_size=SIZE, max_size=SIZE, valid_for=timedelta(minutes=10)
        )
        for _ in CONTENTS
    ]
    return [(dict(form.fields), form.url) for form in signed]


def by_phone(forms: list[tuple[dict[str, str], str]]) -> float:
    """Seconds for all files through their forms, by the HTTP client that the SDK uses too."""
    http = urllib3.PoolManager(maxsize=AT_ONCE)

    def post(form: tuple[dict[str, str], str], content: bytes) -> None:
        fields, url = form
        answer = http.request("POST", url, fields={**fields, "file": ("x", content, "application/pdf")})
        if answer.status != 204:
            raise RuntimeError(f"the store refused a file: {answer.status}")

    return seconds_of(post, forms, CONTENTS)


async def measure(store: Store, rounds: int = ROUNDS) -> dict[str, Any]:
    """All ways, by turns; what the api used to reserve and complete, and while the bytes went past it."""
    await services.create_database()
    await open_pool()
    (port,) = free_ports(1)
    environment = {**os.environ, **services.environment(Process.API), "NIANGJIA_API_PORT": str(port)}
    api = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "backend.cli", "api"), env=environment, stdout=subprocess.DEVNULL
    )
    opened = S3Store(store.config)
    try:
        await make_world(opened)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            phones = [Phone(client, messages(), f"1380000000{number}") for number in (1, 2)]
            while True:
                try:
                    await client.get("/health/live")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
            for phone in phones:
                await phone.log_in()
            sdk, direct, links, bare = [], [], [], []
            before, passing = (memory_mb(api.pid), cpu_seconds(api.pid)), 0.0
            for _ in range(rounds):
                forms, reserved = [], []
                for number, content in enumerate(CONTENTS):
                    # Nobody may have more than 30 under way, nor send again what counts until its form has ended: time
                    # passes for the others, and they are cleared as the sweep would.
                    if number % 25 == 0:
                        await execute(
                            "UPDATE upload SET uploaded_at = uploaded_at - interval '1 hour',"
                            " state = CASE WHEN state IN ('reserved', 'uploaded') THEN 'expired' ELSE state END"
                        )
                    said = described(content, "invoice", "application/pdf", "x.pdf")
                    answer = await phones[0].call("POST", "/documents", 201, said)
                    reserved.append(answer["id"])
                    forms.append((answer["form"]["fields"], answer["form"]["url"]))
                used = cpu_seconds(api.pid)
                direct.append(await asyncio.to_thread(by_phone, forms))
                passing += cpu_seconds(api.pid) - used
                await execute("UPDATE upload SET state = 'reserved' WHERE id = ANY($1)", reserved)
                for one in reserved:
                    await phones[0].call("POST", f"/documents/{one}/complete", 200)
                sdk.append(await asyncio.to_thread(by_sdk, store))
                bare.append(await asyncio.to_thread(by_phone, await bare_forms(opened)))
                links.append(await asyncio.to_thread(by_link, store))
            after = (memory_mb(api.pid), cpu_seconds(api.pid))
    finally:
        opened.close()
        api.terminate()
        await api.wait()
        await close_pool()
    volume = FILES * SIZE / 1e6
    print(
        f"store: {'MinIO' if store.is_minio else 'embedded'}; {FILES} files of 2 MB, {AT_ONCE} at once, {rounds} rounds"
    )
    for name, took in (("SDK", sdk), ("direct", direct), ("bare form", bare), ("bare link", links)):
        print(f"{name + ':':11}{volume / median(took):6.0f} MB/s  {[round(second, 2) for second in took]} s")
    print(f"ratio:     direct {median(sdk) / median(direct):.2f} of the SDK")
    print(f"           direct {median(bare) / median(direct):.2f} of a bare form")
    print(f"           a bare form {median(links) / median(bare):.2f} of a bare link")
    asking = (after[1] - before[1] - passing) / rounds
    print(
        f"api:       {after[0] - before[0]:+.1f} MB of {before[0]:.0f} MB; CPU for {FILES} files:"
        f" {passing / rounds:.2f} s while they were sent, {asking:.2f} s to reserve and complete them"
    )
    return {
        "store": "minio" if store.is_minio else "embedded",
        "sdk_mb_s": volume / median(sdk),
        "direct_mb_s": volume / median(direct),
        "ratio": median(sdk) / median(direct),
        "ratio_to_bare_form": median(bare) / median(direct),
        "api_memory_mb": after[0] - before[0],
        "api_cpu_s_while_sent": passing / rounds,
        "api_cpu_s_to_reserve_and_complete": asking,
    }


if __name__ == "__main__":
    with services.postgres(), services.object_store() as started:
        asyncio.run(measure(started))
