"""Every page of the review desk."""

from __future__ import annotations

from litestar import Router

from admin.review.case import act, case_page, reveal
from admin.review.papers import original, preview, verdict
from admin.review.queue import queue_page, search

ROUTER = Router(
    "/review",
    route_handlers=[queue_page, search, case_page, act, reveal, preview, verdict, original],
)
