"""What kinds of union there are, with their words; stored values never change."""

from __future__ import annotations

from enum import StrEnum

from backend.words import Text


class UnionKind(StrEnum):
    """What a union is, or what its members do."""

    FEDERATION = "federation"
    INDUSTRY = "industry"
    HOSPITAL = "hospital"
    DESIGNATED_HOSPITAL = "designated_hospital"
    CDC = "cdc"
    SANITATION = "sanitation"
    POLICE = "police"
    ENTERPRISE = "enterprise"
    OTHER = "other"


KIND_LABELS = {
    UnionKind.FEDERATION: Text("总工会", "Federation"),
    UnionKind.INDUSTRY: Text("产业工会", "Industrial union"),
    UnionKind.HOSPITAL: Text("医院", "Hospital"),
    UnionKind.DESIGNATED_HOSPITAL: Text("定点医院", "Designated hospital"),
    UnionKind.CDC: Text("疾控中心", "CDC"),
    UnionKind.SANITATION: Text("环卫", "Sanitation"),
    UnionKind.POLICE: Text("公安", "Police"),
    UnionKind.ENTERPRISE: Text("企业", "Enterprise"),
    UnionKind.OTHER: Text("其他", "Other"),
}


class Line(StrEnum):
    """Along which line a union is affiliated: scope follows the primary one, industries count along their own."""

    PRIMARY = "primary"
    INDUSTRY = "industry"


LINE_LABELS = {Line.PRIMARY: Text("主隶属", "Primary"), Line.INDUSTRY: Text("产业", "Industry")}
