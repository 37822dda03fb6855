"""An award that is granted and an enrolment that becomes a cover lock their papers, by the workflows' own last step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

import msgspec
import pytest

from backend.applications.case import Case
from backend.applications.lifecycle import State
from backend.commendation.slate import NO_CHOICES
from backend.commendation.workflow import CITY_ROUTE
from backend.composition import Services
from backend.database import execute, fetch
from backend.documents.retention import Keeping
from backend.insurance.lines import InsuredInput
from backend.jobs import Job, subject_of
from backend.operations.demo_awards import CITY_TERMS, campaign_version
from storage.keys import Bucket, keys_of, rendition_key
from storage.port import DocumentStore, StoreRefused
from tests.integration.award_world import make_award_world
from tests.integration.cover_world import HEALTHY, MYSELF, make_cover_world
from tests.services import logged_in_as


async def stored(store: DocumentStore, uploads: Sequence[UUID]) -> list[str]:
    """The keys of these papers, which tests of cases have as rows alone, with something in the store under each."""
    found = []
    for upload in uploads:
        (row,) = await fetch("SELECT object_key FROM upload WHERE id = $1", upload)
        for key in keys_of(row["object_key"]):
            await store.put(Bucket.DOCUMENTS, key, b"paper", content_type="image/png")
            found.append(key)
        await execute(
            "UPDATE upload SET rendition_key = $2, shared_type = 'image/png' WHERE id = $1",
            upload,
            rendition_key(row["object_key"]),
        )
    return found


async def kept(services: Services, store: DocumentStore, case: Case) -> None:
    """Do the job that the case's last step has queued, as the worker does."""
    queued = await fetch("SELECT payload FROM pgqueuer WHERE entrypoint = $1", Job.CASE_DECIDED)
    assert [subject_of(row["payload"]) for row in queued] == [case.id]
    async with logged_in_as("niangjia_worker"):
        await Keeping(replace(services.documents, store=store)).lock_case(case.id)


async def locked(store: DocumentStore, keys: Sequence[str]) -> None:
    assert keys
    for key in keys:
        with pytest.raises(StoreRefused):
            await store.erase(key)


async def papers_of(case: Case) -> list[UUID]:
    return [
        row[0]
        for row in await fetch("SELECT DISTINCT upload FROM application_document WHERE application = $1", case.id)
    ]


async def test_the_papers_of_a_cover_and_of_its_relatives_are_locked(database: None, store: DocumentStore) -> None:
    city = await make_cover_world()
    worker = await city.worker()
    relation, _ = await city.relative(worker, "child", date(2015, 5, 1))
    case = await city.submitted(worker, MYSELF, InsuredInput(relation_id=relation, health=HEALTHY))
    async with logged_in_as("niangjia_console"):
        case = await city.assess(await city.at_assessment(case))
    assert (case.state, case.ended) == (State.APPROVED, True)
    (evidence,) = await fetch("SELECT evidence FROM relation WHERE id = $1", relation)
    papers = await papers_of(case)
    assert evidence["evidence"] in papers
    keys = await stored(store, papers)
    await kept(city.world.services, store, case)
    await locked(store, keys)


async def test_the_papers_of_an_award_are_locked(database: None, store: DocumentStore) -> None:
    world = await make_award_world()
    lenient = msgspec.structs.replace(CITY_TERMS, ratios=())
    campaign = await world.campaign({"daizong": (1, 0)}, version=await world.award_programme(lenient, CITY_ROUTE))
    nominator, nominee = await world.workers(2)
    (case,) = await world.at_slate([await world.submitted_nomination(nominator, nominee, campaign)], (90,))
    await world.window_closes(campaign)
    await world.services.slates.confirm(world.by["chair-lu"], campaign, await campaign_version(campaign), NO_CHOICES)
    await world.notice_ends(await world.announced("chair-lu"))
    case = await world.grant("chair-xiao", case)
    assert case.state is State.GRANTED
    keys = await stored(store, await papers_of(case))
    await kept(world.services, store, case)
    await locked(store, keys)
    for row in await fetch("SELECT locked_until FROM upload WHERE object_key = ANY($1)", keys):
        # Thirty years, not the ten of a benefit.
        assert row["locked_until"].year >= 2055
