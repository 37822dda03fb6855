"""Every programme kind there is: the only module that knows every slice."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backend.applications.process import Process
from backend.commendation.process import Commendation
from backend.insurance.process import MutualAid
from backend.recuperation.process import Recuperation

PROCESSES: Mapping[str, Process] = MappingProxyType(
    {process.kind: process for process in (Recuperation(), MutualAid(), Commendation())}
)
