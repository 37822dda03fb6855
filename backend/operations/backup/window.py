"""A few things under way at the same time, their outcomes in the order in which they were begun."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")

#: Each is a file held in memory whole.
AT_ONCE = 4


@asynccontextmanager
async def in_order(work: AsyncIterator[Coroutine[Any, Any, T]]) -> AsyncIterator[AsyncIterator[T]]:
    """The outcomes of this work, AT_ONCE of it under way; what is left at the end of the block is given up."""
    under_way: deque[asyncio.Task[T]] = deque()

    async def outcomes() -> AsyncIterator[T]:
        async for each in work:
            if len(under_way) == AT_ONCE:
                yield await under_way.popleft()
            under_way.append(asyncio.create_task(each))
        while under_way:
            yield await under_way.popleft()

    try:
        yield outcomes()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
