"""Every service of a process, built once from its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.accounts.codes import Codes
from backend.accounts.consents import Consents
from backend.accounts.console import Roles
from backend.accounts.login import Login
from backend.accounts.sms import GatewaySms, NoSms, PrintedSms, Sms
from backend.accounts.tokens import Tokens
from backend.applications.deadlines import Deadlines
from backend.applications.events import EventLog
from backend.applications.notices import Notices
from backend.applications.process import Process
from backend.applications.programmes import Programmes
from backend.applications.service import Applications
from backend.certificates.service import Certificates
from backend.clock import Clock, business_clock
from backend.commendation.campaigns import Campaigns
from backend.commendation.clearances import Clearances
from backend.commendation.form import ApprovalForms
from backend.commendation.incidents import Incidents
from backend.commendation.nominations import Nominations
from backend.commendation.recommendations import Recommendations
from backend.commendation.slate import Slates
from backend.documents.checking import Checking
from backend.documents.inspection.inspector import Inspector
from backend.documents.inspection.scanner import scanner_at
from backend.documents.retention import Keeping
from backend.documents.service import Documents
from backend.documents.verdicts import Verdicts
from backend.documents.viewing import Viewing
from backend.insurance.covers import Covers
from backend.insurance.enrolments import Enrolments
from backend.insurance.groups import Groups
from backend.insurance.insurer_list import InsurerLists
from backend.insurance.proof import Proofs
from backend.notifications.service import Delivery, Notifications
from backend.people.service import People
from backend.processes import PROCESSES
from backend.recuperation.batches import Batches
from backend.recuperation.service import Requests
from backend.registry.family.additions import Additions
from backend.registry.family.service import Family
from backend.registry.roster.service import Rosters
from backend.registry.service import Registry
from backend.registry.takeovers import Takeovers
from backend.sealing import KeyRing, Sealer
from backend.settings import Settings
from storage.port import DocumentStore, StoreConfig
from storage.s3 import S3Store

SMS_LOG = "demo-sms.log"


@dataclass(frozen=True, slots=True)
class Services:
    """What the three roots hand to their routes, pages and jobs; the names are those that handlers ask for."""

    settings: Settings
    clock: Clock
    sealer: Sealer
    store: DocumentStore
    login: Login
    roles: Roles
    consents: Consents
    people: People
    registry: Registry
    takeovers: Takeovers
    family: Family
    additions: Additions
    rosters: Rosters
    documents: Documents
    verdicts: Verdicts
    viewing: Viewing
    checking: Checking
    keeping: Keeping
    notifications: Notifications
    delivery: Delivery
    certificates: Certificates
    applications: Applications
    notices: Notices
    programmes: Programmes
    deadlines: Deadlines
    requests: Requests
    batches: Batches
    enrolments: Enrolments
    groups: Groups
    covers: Covers
    insurer_lists: InsurerLists
    proofs: Proofs
    campaigns: Campaigns
    nominations: Nominations
    recommendations: Recommendations
    clearances: Clearances
    incidents: Incidents
    slates: Slates
    approval_forms: ApprovalForms


def compose(settings: Settings, processes: Mapping[str, Process] = PROCESSES) -> Services:
    """The services for these settings and programme kinds; opens no connection."""
    clock = business_clock(settings.demo)
    sealer = KeyRing(settings.field_keys, settings.current_field_key, settings.index_key)
    store = S3Store(
        StoreConfig(
            endpoint=settings.store.endpoint,
            public_endpoint=settings.store.public_endpoint,
            region=settings.store.region,
            access_key=settings.store.access_key,
            secret_key=settings.store.secret_key,
        )
    )
    sms = _sms(settings)
    codes = Codes(sealer, sms)
    people = People(clock, sealer)
    certificates = Certificates(clock, settings.public_url)
    consents = Consents(clock)
    notifications = Notifications(clock)
    documents = Documents(clock, sealer, store, notifications)
    applications = Applications(processes, clock, EventLog(sealer), notifications)
    notices = Notices(applications, sealer)
    nominations = Nominations(applications, notifications, sealer)
    return Services(
        settings=settings,
        clock=clock,
        sealer=sealer,
        store=store,
        login=Login(sealer, codes, Tokens(settings.token_key)),
        roles=Roles(),
        consents=consents,
        people=people,
        registry=Registry(clock, sealer, people, notifications),
        takeovers=Takeovers(clock, people, codes, notifications),
        family=Family(clock, people, consents),
        additions=Additions(clock, people),
        rosters=Rosters(clock, sealer, people),
        documents=documents,
        verdicts=Verdicts(documents, settings.verify_unscanned),
        viewing=Viewing(clock, store),
        keeping=Keeping(documents),
        checking=Checking(documents, Inspector(scanner_at(settings.clamd))),
        notifications=notifications,
        delivery=Delivery(clock, sealer, sms),
        certificates=certificates,
        applications=applications,
        notices=notices,
        programmes=Programmes(processes, clock),
        deadlines=Deadlines(applications, notices),
        requests=Requests(applications, sealer),
        batches=Batches(applications, notices, sealer),
        enrolments=Enrolments(applications, sealer),
        groups=Groups(applications),
        covers=Covers(clock, notifications, certificates),
        insurer_lists=InsurerLists(people),
        proofs=Proofs(clock, certificates),
        campaigns=Campaigns(applications),
        nominations=nominations,
        recommendations=Recommendations(applications),
        clearances=Clearances(applications),
        incidents=Incidents(clock, people),
        slates=Slates(applications),
        approval_forms=ApprovalForms(nominations, people),
    )


def _sms(settings: Settings) -> Sms:
    if settings.demo:
        return PrintedSms(settings.data / SMS_LOG if settings.data else None)
    return GatewaySms(settings.sms.url, settings.sms.token) if settings.sms else NoSms()
