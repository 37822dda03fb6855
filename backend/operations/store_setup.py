"""Makes the store's buckets and users from the operator's environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from backend.settings import Mode, SettingsError, web_origins
from storage.port import StoreConfig
from storage.setup import Credentials, Process, allow_web_pages, set_up


def set_up_store(env: Mapping[str, str] = os.environ) -> str:
    """Make or mend buckets and users; what was done, in a sentence.

    NIANGJIA_S3_ACCESS_KEY and _SECRET_KEY are the administrator's; NIANGJIA_S3_API_ACCESS_KEY, _API_SECRET_KEY and the
    same for CONSOLE and WORKER are those of each process's user; web pages of NIANGJIA_WEB_ORIGINS may send files. In
    production a store that does not encrypt what it holds is refused. Raises SettingsError, StoreUnavailable,
    StoreRefused.
    """
    endpoint = _required(env, "NIANGJIA_S3_ENDPOINT")
    administrator = StoreConfig(
        endpoint,
        endpoint,
        env.get("NIANGJIA_S3_REGION", "us-east-1"),
        _required(env, "NIANGJIA_S3_ACCESS_KEY"),
        _required(env, "NIANGJIA_S3_SECRET_KEY"),
    )
    users = {
        process: Credentials(
            _required(env, f"NIANGJIA_S3_{process.upper()}_ACCESS_KEY"),
            _required(env, f"NIANGJIA_S3_{process.upper()}_SECRET_KEY"),
        )
        for process in Process
    }
    production = env.get("NIANGJIA_MODE", Mode.PRODUCTION) == Mode.PRODUCTION
    origins = web_origins(env)
    encrypted = set_up(administrator, users, demand_encryption=production)
    by_bucket = allow_web_pages(administrator, origins)
    return (
        f"three buckets and {len(users)} users are in place; the store {'encrypts' if encrypted else 'stores plainly'};"
        f" web pages that may send files: {', '.join(origins) or 'none'}"
        f"{'' if by_bucket else ' (this store is told by MINIO_API_CORS_ALLOW_ORIGIN alone)'}"
    )


def _required(env: Mapping[str, str], name: str) -> str:
    if not env.get(name):
        raise SettingsError(f"{name} is not set")
    return env[name]
