"""The OpenAPI document, written without a server."""

from __future__ import annotations

import base64
import json
import os


def openapi_document() -> str:
    """The document of the phone's API as JSON. Needs no settings: what is missing is given throwaway values."""
    key = base64.b64encode(os.urandom(32)).decode()
    for name, value in {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "NIANGJIA_FIELD_KEYS": f"a:{key}",
        "NIANGJIA_INDEX_KEY": key,
        "NIANGJIA_TOKEN_KEY": key,
        "NIANGJIA_S3_ENDPOINT": "http://127.0.0.1:1",
        "NIANGJIA_S3_ACCESS_KEY": "nobody",
        "NIANGJIA_S3_SECRET_KEY": "nothing",
    }.items():
        os.environ.setdefault(name, value)
    from backend.asgi import app
    from backend.web.glossary import described

    return json.dumps(described(app.openapi_schema.to_schema()), ensure_ascii=False, indent=2)
