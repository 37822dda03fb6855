"""What the operator sees when the demonstration is up: addresses and logins in a box."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from backend.identity import Role
from backend.operations.demo import LOGINS


def banner(addresses: tuple[str, str], password: str, folder: Path, seconds: float) -> str:
    """The box; `seconds` is how long the start took."""
    api, console = addresses
    shown = {Role.UNIT_OFFICER, Role.HR_VERIFIER, Role.REVIEWER, Role.CHAIR, Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN}
    lines = [
        f"娘家 Niangjia · 演示 demonstration · {seconds:.1f} s",
        "",
        f"手机接口 API       {api}/api/v1   (OpenAPI {api}/schema/openapi.json)",
        f"审核台 console     {console}/review/",
        f"管理 admin         {console}/admin/",
        "",
        f"控制台口令 console password   {password}        动态码 second factor: niangjia totp",
    ]
    for login in LOGINS:
        if shown & set(login.roles):
            lines.append(f"  {login.username:<18} {login.name}   {', '.join(login.roles)}")
    lines += [
        "手机登录验证码打印在下方日志 phone codes appear in the log below: [SMS]",
        "",
        f"数据 data          {folder}",
        "完整流程 the whole story: make tour        停止 stop: Ctrl-C",
    ]
    width = max(_columns(line) for line in lines)
    body = "\n".join(f"│ {line}{' ' * (width - _columns(line))} │" for line in lines)
    return f"╭{'─' * (width + 2)}╮\n{body}\n╰{'─' * (width + 2)}╯\n"


def _columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
