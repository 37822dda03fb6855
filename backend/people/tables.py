"""Who somebody is, how we know, and who is related to whom."""

from __future__ import annotations

from piccolo.columns import UUID, Bytea, Date, Varchar
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
    """`relative` is the `kind` of `person`, from a day on; an edge, so that two sisters can share a mother."""

    id = Id()
    person = Link(Person)
    relative = Link(Person)
    declared_name = Varchar(50, default="")
    kind = Varchar(10)
    evidence = UUID(null=True, default=None)
    from_on = Date(null=True, default=None)
    to_on = Date(null=True, default=None)
