"""How this machine and its settings are: what is configured, what is reached from here, what room there is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from backend.accounts.sms import NoSms, PrintedSms
from backend.composition import Services
from backend.documents.inspection.scanner import Clamd
from backend.operations.backup.keys import RECIPIENTS, recipients
from backend.operations.doctor.finding import Finding, Grade, graded
from backend.settings import Settings, SettingsError
from backend.words import Text

_LEAST_FREE = 0.1


def examine_settings(settings: Settings) -> Finding:
    """What mode this is, and whether production is reached by TLS alone."""
    what = Text("设置", "settings")
    if settings.demo:
        return Finding(
            Grade.WARN,
            what,
            "demo",
            Text("演示模式,勿存真实数据", "Demo mode prints codes and moves time: invented people only"),
        )
    plain = [url for url in (settings.public_url, settings.console_url) if not url.startswith("https://")]
    return graded(
        bool(plain),
        what,
        f"production, {', '.join(plain) or settings.public_url}",
        Text("公开地址须为 https", "NIANGJIA_PUBLIC_URL and NIANGJIA_CONSOLE_URL have to be https addresses"),
    )


async def examine(settings: Settings, services: Services, env: Mapping[str, str]) -> AsyncIterator[Finding]:
    """The parts that are neither the database nor the store."""
    yield await _scanner(settings)
    sms = services.delivery.sms
    yield graded(
        isinstance(sms, NoSms),
        Text("短信", "SMS"),
        "no gateway" if isinstance(sms, NoSms) else "printed" if isinstance(sms, PrintedSms) else "a gateway is named",
        Text("未接短信网关,手机无法登录", "No gateway is named (NIANGJIA_SMS_URL): phones cannot log in"),
        grade=Grade.WARN,
    )
    yield _backup_key(settings, env)
    for folder in dict.fromkeys((settings.data or Path.cwd(), Path(tempfile.gettempdir()))):
        yield _room(folder)


async def _scanner(settings: Settings) -> Finding:
    what = Text("病毒扫描", "malware scanner")
    if settings.clamd is None:
        return Finding(
            Grade.WARN, what, "none is configured", Text("文件不扫描", "Files are not scanned: set NIANGJIA_CLAMD")
        )
    return graded(
        not await Clamd(settings.clamd).ping(),
        what,
        settings.clamd,
        Text("不应答,文件将一直等待", "It does not answer, and files wait: look at clamd, or at NIANGJIA_CLAMD"),
    )


def _backup_key(settings: Settings, env: Mapping[str, str]) -> Finding:
    what = Text("备份密钥", "backup key")
    if not env.get(RECIPIENTS) and settings.demo:
        return Finding(Grade.UNKNOWN, what, "none, and this is a demonstration")
    try:
        return Finding(Grade.OK, what, f"{len(recipients(env))} public keys")
    except SettingsError as error:
        return Finding(Grade.WARN, what, "no backup can be made", Text("见 docs/operating.md", str(error)))


def _room(folder: Path) -> Finding:
    what = Text("磁盘", "disk")
    if not os.access(folder, os.W_OK):
        return Finding(Grade.UNKNOWN, what, f"{folder} is not ours to write to")
    usage = shutil.disk_usage(folder)
    free = usage.free / usage.total if usage.total else 0.0
    return graded(
        free < _LEAST_FREE, what, f"{folder} {free:.0%} free", Text("腾出空间", "Make room"), grade=Grade.WARN
    )
