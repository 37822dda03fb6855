"""Links by which a phone puts one part of a file, signed over its number and its exact size (AWS Signature 4)."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

from storage.port import StoreConfig

_ALGORITHM = "AWS4-HMAC-SHA256"
_SIGNED = "content-length;host"


def part_link(
    config: StoreConfig,
    bucket: str,
    key: str,
    *,
    upload_id: str,
    number: int,
    size: int,
    at: datetime,
    valid_for: timedelta,
) -> str:
    """A link at the public address that takes part `number` of an upload by PUT, if it has exactly `size` bytes.

    The SDK signs the host alone, and so lets the holder of a link send as much as the store will take; here the length
    is signed too. `at` is the signer's present in UTC.
    """
    origin = urlsplit(config.public_endpoint)
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{config.region}/s3/aws4_request"
    path = f"/{bucket}/{quote(key)}"
    query = "&".join(
        f"{name}={quote(value, safe='')}"
        for name, value in sorted(
            {
                "X-Amz-Algorithm": _ALGORITHM,
                "X-Amz-Credential": f"{config.access_key}/{scope}",
                "X-Amz-Date": stamp,
                "X-Amz-Expires": str(int(valid_for.total_seconds())),
                "X-Amz-SignedHeaders": _SIGNED,
                "partNumber": str(number),
                "uploadId": upload_id,
            }.items()
        )
    )
    headers = f"content-length:{size}\nhost:{origin.netloc}\n"
    request = f"PUT\n{path}\n{query}\n{headers}\n{_SIGNED}\nUNSIGNED-PAYLOAD"
    signed = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key_bytes = f"AWS4{config.secret_key}".encode()
    for step in (stamp[:8], config.region, "s3", "aws4_request"):
        key_bytes = hmac.digest(key_bytes, step.encode(), "sha256")
    signature = hmac.digest(key_bytes, signed.encode(), "sha256").hex()
    return f"{config.public_endpoint.rstrip('/')}{path}?{query}&X-Amz-Signature={signature}"
