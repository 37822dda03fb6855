"""Keeping reference data: what a change may touch, and its entry in the audit log, in the change's own transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from fastapi import HTTPException
from piccolo.columns import Column
from piccolo.table import Table
from piccolo_api.crud.hooks import Hook, HookType
from starlette.requests import Request

from admin.rows import CalendarEntry, EmergencyRow, PolicyEntry, UnionRow, VersionRow
from admin.tables import Shown
from backend.applications.programme import ProgrammeContent
from backend.audit.log import record
from backend.database import execute, fetch_one
from backend.identity import Actor
from backend.unions.policy import check_uscc
from backend.words import Text

SHOWN_CHARS = 300


def hooks_of(shown: Shown) -> list[Hook]:
    """The hooks of one table: checked and on record before a row is written. PUT runs none and is refused before."""

    async def adding(row: Table, request: Request) -> Table:
        values = {name: getattr(row, name) for name in shown.columns}
        _check(shown, values, values, request)
        await record(
            _actor(request),
            f"data.add.{shown.name}"[:60],
            "done",
            object_kind=shown.name,
            object_id=_uuid(getattr(row, row._meta.primary_key._meta.name)),
            detail={name: _short(value) for name, value in values.items()},
        )
        return row

    async def changing(row_id: Any, values: dict[Column, Any], request: Request) -> dict[Any, Any]:
        # The form sends every column back: what is not changed, and what is only shown, is left out here.
        table = shown.table
        key = table._meta.primary_key._meta.name
        before = await fetch_one(f'SELECT * FROM "{shown.name}" WHERE "{key}" = $1 FOR UPDATE', row_id)
        if before is None:
            # Row-level security lets a row be locked only by who may change it.
            raise HTTPException(
                403, _say(request, Text("此行已定稿,或不由您维护。", "This row is final, or not yours to change."))
            )
        changed = {
            column._meta.name: value for column, value in values.items() if not _same(before[column._meta.name], value)
        }
        fixed = sorted(set(changed) - shown.editable)
        if fixed:
            labels = "、".join(_say(request, shown.columns[name]) for name in fixed if name in shown.columns)
            raise HTTPException(
                422, _say(request, Text("不能修改:{labels}", "Not to be changed: {labels}").fill(labels=labels or key))
            )
        _check(shown, changed, {**before, **changed}, request)
        await record(
            _actor(request),
            f"data.change.{shown.name}"[:60],
            "done",
            object_kind=shown.name,
            object_id=_uuid(row_id),
            detail={name: f"{_short(before[name])} → {_short(value)}" for name, value in changed.items()},
        )
        written: dict[Any, Any] = {table._meta.get_column_by_name(name): value for name, value in changed.items()}
        if table is VersionRow and written:
            # Who edited a draft last has drafted it: somebody else publishes.
            await execute(
                "UPDATE programme_version SET drafted_by = $2 WHERE id = $1", row_id, _actor(request).account_id
            )
        return written or _unchanged(table, shown, dict(before))

    return [Hook(HookType.pre_save, adding), Hook(HookType.pre_patch, changing)]


def _unchanged(table: type[Table], shown: Shown, before: Mapping[str, Any]) -> dict[Any, Any]:
    name = next(iter(sorted(shown.editable)))
    return {table._meta.get_column_by_name(name): before[name]}


def _check(shown: Shown, values: Mapping[str, Any], row: Mapping[str, Any], request: Request) -> None:
    """Raise HTTPException 422 with what is wrong with the values, and with the row as it would be."""
    found: list[Text] = []
    for name, value in values.items():
        if name in ("name", "name_zh", "topic", "code") and shown.table is not CalendarEntry and not str(value).strip():
            found.append(Text("{label}不能为空。", "{label} is empty.").fill(label=shown.columns[name]))
        if name == "area_code" and value and not (str(value).isdigit() and len(str(value)) == 6):
            found.append(Text("行政区划代码为 6 位数字。", "An area code has six digits."))
        if name in shown.values and value not in shown.values[name]:
            found.append(
                Text("{label}不在可选范围内。", "{label} is none of the choices.").fill(label=shown.columns[name])
            )
    if shown.table is UnionRow and values.get("uscc"):
        found += [violation.message for violation in check_uscc(str(values["uscc"]))]
    if shown.table in (EmergencyRow, PolicyEntry):
        starts, ends = ("start_on", "end_on") if shown.table is EmergencyRow else ("effective_from", "effective_to")
        if row.get(ends) is not None and row.get(starts) is not None and row[ends] < row[starts]:
            found.append(Text("结束早于开始。", "It ends before it starts."))
    if "content" in values:
        found += _content_faults(str(values["content"]))
    if "rules" in values and not isinstance(_json(values["rules"]), dict):
        found.append(Text("规则须为 JSON 对象。", "The rules are a JSON object."))
    if found:
        raise HTTPException(422, " ".join(_say(request, text) for text in found))


def _content_faults(content: str) -> list[Text]:
    try:
        msgspec.json.decode(content, type=ProgrammeContent)
    except msgspec.ValidationError as error:
        return [Text(f"内容格式不正确:{error}", f"The content does not have its form: {error}")]
    except msgspec.DecodeError:
        return [Text("内容须为 JSON。", "The content is JSON.")]
    return []


def _same(before: Any, value: Any) -> bool:
    if isinstance(before, str) and before[:1] in "{[" and isinstance(value, str):
        return bool(_json(before) == _json(value))
    return bool(before == value or (before in (None, "") and value in (None, "")))


def _json(value: Any) -> Any:
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return None


def _short(value: Any) -> str:
    return "—" if value is None else str(value)[:SHOWN_CHARS]


def _uuid(value: Any) -> UUID | None:
    return value if isinstance(value, UUID) else None


def _actor(request: Request) -> Actor:
    actor: Actor = request.scope["user"].actor
    return actor


def _say(request: Request, text: Text) -> str:
    return text.in_(_actor(request).language)
