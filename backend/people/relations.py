"""What persons may be to one another and how that ends: closed lists with their words; stored values never change."""

from __future__ import annotations

from enum import StrEnum

from backend.words import Text


class RelationKind(StrEnum):
    """What the relative is to the person who names them (与本人关系)."""

    SPOUSE = "spouse"
    CHILD = "child"
    PARENT = "parent"
    PARENT_IN_LAW = "parent_in_law"
    SIBLING = "sibling"
    GRANDPARENT = "grandparent"
    GRANDCHILD = "grandchild"
    OTHER = "other"


RELATION_LABELS = {
    RelationKind.SPOUSE: Text("配偶", "Spouse"),
    RelationKind.CHILD: Text("子女", "Child"),
    RelationKind.PARENT: Text("父母", "Parent"),
    RelationKind.PARENT_IN_LAW: Text("配偶父母", "Parent-in-law"),
    RelationKind.SIBLING: Text("兄弟姐妹", "Brother or sister"),
    RelationKind.GRANDPARENT: Text("祖父母、外祖父母", "Grandparent"),
    RelationKind.GRANDCHILD: Text("孙子女、外孙子女", "Grandchild"),
    RelationKind.OTHER: Text("其他亲属", "Other relative"),
}


class EndReason(StrEnum):
    """Why a relation ended; empty while it goes on."""

    DIVORCE = "divorce"
    DEATH = "death"
    OTHER = "other"


END_LABELS = {
    EndReason.DIVORCE: Text("离婚", "Divorce"),
    EndReason.DEATH: Text("去世", "Death"),
    EndReason.OTHER: Text("其他", "Another reason"),
}

#: What a divorce ends; blood is not divorced.
BY_MARRIAGE = frozenset({RelationKind.SPOUSE, RelationKind.PARENT_IN_LAW})

SEX_LABELS = {"female": Text("女", "Female"), "male": Text("男", "Male"), "": Text("未填", "Not given")}
