"""The unions of the invented province, with a programme and its batches in each city."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from backend.columns import LEVEL_COLUMNS
from tests.bench.rows.ground import Ground

#: The shape of the tree: 1 province, then cities, counties and units, 300 unions with the demonstration's own.
CITIES, COUNTIES, UNITS = 4, 25, 252
BATCHES = 100
OPEN_BATCHES = 10


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit's union: with all that stand above it, and which of the cities is among them."""

    id: UUID
    levels: tuple[UUID | None, ...]
    city: int


@dataclass(frozen=True, slots=True)
class Places:
    """What was laid: by city a version of the programme and its batches, of which the last OPEN_BATCHES are open."""

    cities: list[UUID]
    units: list[Unit]
    versions: list[UUID]
    batches: list[list[UUID]]

    @property
    def open(self) -> list[UUID]:
        """The open batches of the first city."""
        return self.batches[0][-OPEN_BATCHES:]


async def lay_places(ground: Ground) -> Places:
    """Unions first, for the programmes are theirs."""
    cities, units = await _unions(ground)
    return Places(cities, units, *await _programmes(ground, cities))


async def _unions(ground: Ground) -> tuple[list[UUID], list[Unit]]:
    """The cities, and the units below them."""
    province = await ground.connection.fetchval("SELECT province_id FROM trade_union WHERE id = $1", ground.base.city)
    top = await ground.connection.fetchval("SELECT national_id FROM trade_union WHERE id = $1", ground.base.city)
    unions: list[tuple[Any, ...]] = []
    links: list[tuple[Any, ...]] = []

    def add(level: str, name: str, parent: UUID, line: Sequence[UUID | None]) -> UUID:
        made = ground.ids.at(ground.began)
        place = ("national", "province", "city", "county", "unit").index(level)
        levels = [*line[:place], made, *[None] * (4 - place)]
        unions.append((made, name, name, level, "trade_union", "370900", True, *levels))
        links.append((ground.ids.at(ground.began), made, parent, "primary", date(2020, 1, 1)))
        return made

    cities, units = [ground.base.city], []
    for number in range(1, CITIES):
        cities.append(add("city", f"示例{number}市总工会", province, (top, province)))
    counties = []
    for number in range(COUNTIES):
        which = number % CITIES
        line = (top, province, cities[which])
        counties.append((which, add("county", f"示例{number}县总工会", cities[which], line)))
    for number in range(UNITS):
        which, county = counties[number % COUNTIES]
        line4 = (top, province, cities[which], county)
        unit = add("unit", f"示例第{number}医院工会", county, line4)
        units.append(Unit(unit, (*line4, unit), which))
    await ground.copy(
        "trade_union",
        ("id", "name", "short_name", "level", "kind", "area_code", "active", *LEVEL_COLUMNS),
        unions,
    )
    await ground.copy("affiliation", ("id", "trade_union", "parent", "line", "from_on"), links)
    return cities, units


async def _programmes(ground: Ground, cities: list[UUID]) -> tuple[list[UUID], list[list[UUID]]]:
    """The programme and its batch, once more for each city; the last OPEN_BATCHES of a city take requests."""
    columns = {
        table: [
            row["column_name"]
            for row in await ground.connection.fetch(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_name = $1 AND table_schema = 'public' ORDER BY ordinal_position",
                table,
            )
        ]
        for table in ("programme", "programme_version", "batch")
    }

    async def clone(table: str, source: UUID, **changes: Any) -> UUID:
        made = ground.ids.at(ground.began)
        changed = {"id": made, **changes}
        picks = [f"${2 + list(changed).index(name)}" if name in changed else name for name in columns[table]]
        await ground.connection.execute(
            f"INSERT INTO {table} ({', '.join(columns[table])}) SELECT {', '.join(picks)} FROM {table} WHERE id = $1",
            source,
            *changed.values(),
        )
        return made

    programme = await ground.connection.fetchval(
        "SELECT programme FROM programme_version WHERE id = $1", ground.base.version
    )
    versions: list[UUID] = []
    batches: list[list[UUID]] = []
    for which, city in enumerate(cities):
        version = ground.base.version
        if which:
            copied = await clone("programme", programme, organiser=city, code=f"TA-RR-{which}")
            version = await clone("programme_version", ground.base.version, programme=copied)
        versions.append(version)
        batches.append(
            [
                await clone(
                    "batch",
                    ground.base.batch,
                    programme_version=version,
                    organiser=city,
                    state="open" if number >= BATCHES - OPEN_BATCHES else "completed",
                )
                for number in range(BATCHES)
            ]
        )
    return versions, batches
