-- A relation says what was declared, by whom and on which paper. A mistake is struck: it stays, and has an end.
ALTER TABLE relation
    ALTER COLUMN kind TYPE VARCHAR(15),
    ADD COLUMN identifier UUID REFERENCES person_identifier (id) ON DELETE RESTRICT,
    ADD COLUMN declared_sex VARCHAR(6) NOT NULL DEFAULT '',
    ADD COLUMN declared_born_on DATE,
    ADD COLUMN guardian BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN end_reason VARCHAR(10) NOT NULL DEFAULT '',
    ADD COLUMN source VARCHAR(10) NOT NULL DEFAULT 'worker',
    ADD COLUMN declared_by UUID,
    ADD COLUMN declared_at TIMESTAMPTZ,
    ADD COLUMN struck_at TIMESTAMPTZ,
    ADD COLUMN version INTEGER NOT NULL DEFAULT 1,
    DROP CONSTRAINT relation_kind,
    ADD CONSTRAINT relation_kind CHECK (kind IN ('spouse', 'child', 'parent', 'parent_in_law', 'sibling',
        'grandparent', 'grandchild', 'other')),
    ADD CONSTRAINT relation_declared_sex CHECK (declared_sex IN ('', 'male', 'female')),
    ADD CONSTRAINT relation_end_reason CHECK (end_reason IN ('', 'divorce', 'death', 'other')),
    ADD CONSTRAINT relation_source CHECK (source IN ('worker', 'unit')),
    ADD CONSTRAINT relation_period CHECK (to_on IS NULL OR from_on IS NULL OR to_on >= from_on),
    ADD CONSTRAINT relation_struck CHECK (struck_at IS NULL OR to_on IS NOT NULL);
CREATE INDEX relation_identifier ON relation (identifier);

-- Somebody is one thing to one person at a time.
UPDATE relation r SET to_on = greatest(from_on, current_date) WHERE to_on IS NULL AND EXISTS (SELECT FROM relation k
    WHERE k.person = r.person AND k.relative = r.relative AND k.to_on IS NULL AND k.id > r.id);
DROP INDEX relation_once;
CREATE UNIQUE INDEX relation_once ON relation (person, relative) WHERE to_on IS NULL;

-- Which cases rest on a relation: it is not corrected any more.
CREATE TABLE relation_use (
    id UUID PRIMARY KEY,
    relation UUID NOT NULL REFERENCES relation (id) ON DELETE RESTRICT,
    application UUID NOT NULL,
    noted_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX relation_use_relation ON relation_use (relation);
CREATE INDEX relation_use_application ON relation_use (application);
CREATE UNIQUE INDEX relation_use_once ON relation_use (relation, application);

-- A relative who was known by a birth certificate gets a resident ID: asked by the worker, settled by the officer.
CREATE TABLE identifier_addition (
    id UUID PRIMARY KEY,
    relation UUID NOT NULL REFERENCES relation (id) ON DELETE RESTRICT,
    type VARCHAR(20) NOT NULL DEFAULT '',
    sealed BYTEA NOT NULL DEFAULT '',
    digest BYTEA NOT NULL DEFAULT '',
    masked VARCHAR(40) NOT NULL DEFAULT '',
    evidence UUID NOT NULL,
    state VARCHAR(10) NOT NULL DEFAULT '',
    asked_by UUID NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL,
    settled_by UUID,
    settled_at TIMESTAMPTZ,
    reason VARCHAR(500) NOT NULL DEFAULT '',
    CONSTRAINT identifier_addition_state CHECK (state IN ('open', 'approved', 'refused'))
);
CREATE INDEX identifier_addition_relation ON identifier_addition (relation);
CREATE UNIQUE INDEX identifier_addition_once ON identifier_addition (relation) WHERE state = 'open';

-- A consent may be written down by another hand than its giver's: by the guardian's of a child, or on a signed paper.
ALTER TABLE consent ADD COLUMN recorded_by UUID, ADD COLUMN paper UUID;
DROP INDEX consent_once;
CREATE UNIQUE INDEX consent_once ON consent (person, purpose, given_by, recorded_by) NULLS NOT DISTINCT
    WHERE withdrawn_at IS NULL;

-- A unit's roster as it was read from Excel, sealed until it is accepted or a day has passed.
CREATE TABLE roster_import (
    id UUID PRIMARY KEY,
    unit UUID NOT NULL REFERENCES trade_union (id) ON DELETE RESTRICT,
    uploaded_by UUID NOT NULL,
    uploaded_at TIMESTAMPTZ NOT NULL,
    digest BYTEA NOT NULL DEFAULT '',
    state VARCHAR(10) NOT NULL DEFAULT '',
    counts JSONB NOT NULL DEFAULT '{}',
    sealed BYTEA,
    settled_at TIMESTAMPTZ,
    CONSTRAINT roster_import_state CHECK (state IN ('dry_run', 'accepted', 'discarded')),
    CONSTRAINT roster_import_erased CHECK (state = 'dry_run' OR sealed IS NULL)
);
CREATE INDEX roster_import_unit ON roster_import (unit);
CREATE UNIQUE INDEX roster_import_once ON roster_import (unit, uploaded_by) WHERE state = 'dry_run';
CREATE INDEX roster_import_kept ON roster_import (uploaded_at) WHERE state = 'dry_run';

GRANT SELECT, INSERT, UPDATE ON identifier_addition TO niangjia_api, niangjia_console;
GRANT SELECT, INSERT, DELETE ON relation_use TO niangjia_api, niangjia_console, niangjia_worker;
GRANT SELECT, INSERT, UPDATE ON roster_import TO niangjia_console;
GRANT SELECT, UPDATE ON roster_import TO niangjia_worker;
