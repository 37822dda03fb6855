"""Who somebody is, how we know, and who is related to whom."""

from __future__ import annotations

from piccolo.columns import UUID, Boolean, Bytea, Date, Integer, Varchar
from piccolo.table import Table

from backend.columns import Id, Instant, Link


class Person(Table, tablename="person"):
    """One human being, whatever parts they play here: worker, relative, nominee, reviewer."""

    id = Id()
    name = Varchar(50)
    sex = Varchar(6, default="")
    born_on = Date(null=True, default=None)
    created_at = Instant()


class PersonIdentifier(Table, tablename="person_identifier"):
    """A document number by which a person is known: sealed, unique by its keyed hash, shown masked."""

    id = Id()
    person = Link(Person)
    type = Varchar(20)
    sealed = Bytea()
    digest = Bytea()
    masked = Varchar(40)


class Relation(Table, tablename="relation"):
    """`relative` is the `kind` of `person`, from a day on; an edge, so that two sisters can share a mother.

    What was declared stands here, apart from what is on file of the relative: whoever names somebody sees their own
    words again and nothing else. A mistake is struck, never deleted; a struck relation has an end as well.
    """

    id = Id()
    person = Link(Person)
    relative = Link(Person)
    identifier = Link(PersonIdentifier, null=True)
    declared_name = Varchar(50, default="")
    declared_sex = Varchar(6, default="")
    declared_born_on = Date(null=True, default=None)
    kind = Varchar(15)
    guardian = Boolean(default=False)
    evidence = UUID(null=True, default=None)
    from_on = Date(null=True, default=None)
    to_on = Date(null=True, default=None)
    end_reason = Varchar(10, default="")
    source = Varchar(10, default="worker")
    declared_by = UUID(null=True, default=None)
    declared_at = Instant(null=True)
    struck_at = Instant(null=True)
    version = Integer(default=1)
