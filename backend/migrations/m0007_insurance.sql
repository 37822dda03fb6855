CREATE TABLE enrolment (
    id UUID PRIMARY KEY,
    application UUID UNIQUE NOT NULL REFERENCES application (id) ON DELETE RESTRICT,
    plan UUID NOT NULL REFERENCES programme (id) ON DELETE RESTRICT,
    unit UUID NOT NULL REFERENCES trade_union (id) ON DELETE RESTRICT,
    worker UUID REFERENCES person (id) ON DELETE RESTRICT,
    channel VARCHAR(10) NOT NULL DEFAULT '',
    shares SMALLINT NOT NULL,
    CONSTRAINT enrolment_channel CHECK (channel IN ('worker', 'unit') AND (channel = 'unit') = (worker IS NULL)),
    CONSTRAINT enrolment_shares CHECK (shares BETWEEN 1 AND 100)
);
CREATE INDEX enrolment_plan ON enrolment (plan);
CREATE INDEX enrolment_unit ON enrolment (unit);
CREATE INDEX enrolment_worker ON enrolment (worker);

CREATE TABLE enrolment_member (
    id UUID PRIMARY KEY,
    enrolment UUID NOT NULL REFERENCES enrolment (id) ON DELETE RESTRICT,
    person UUID NOT NULL REFERENCES person (id) ON DELETE RESTRICT,
    relation UUID REFERENCES relation (id) ON DELETE RESTRICT,
    who VARCHAR(15) NOT NULL DEFAULT '',
    name VARCHAR(50) NOT NULL DEFAULT '',
    grade VARCHAR(20) NOT NULL DEFAULT '',
    card_holder BOOLEAN NOT NULL DEFAULT false,
    health_declared BOOLEAN NOT NULL DEFAULT false,
    healthy BOOLEAN NOT NULL DEFAULT true,
    health_sealed BYTEA,
    proposal VARCHAR(10) NOT NULL DEFAULT '',
    findings JSONB NOT NULL DEFAULT '[]',
    verdict VARCHAR(10) NOT NULL DEFAULT '',
    reason VARCHAR(500) NOT NULL DEFAULT '',
    CONSTRAINT enrolment_member_who CHECK ((who = 'self') = (relation IS NULL)),
    CONSTRAINT enrolment_member_proposal CHECK (proposal IN ('', 'accept', 'refer', 'refuse')),
    CONSTRAINT enrolment_member_verdict CHECK (verdict IN ('', 'accepted', 'refused'))
);
CREATE INDEX enrolment_member_enrolment ON enrolment_member (enrolment);
CREATE INDEX enrolment_member_person ON enrolment_member (person);
CREATE INDEX enrolment_member_relation ON enrolment_member (relation);
CREATE UNIQUE INDEX enrolment_member_once ON enrolment_member (enrolment, person);

CREATE TABLE beneficiary (
    id UUID PRIMARY KEY,
    member UUID NOT NULL REFERENCES enrolment_member (id) ON DELETE RESTRICT,
    name VARCHAR(50) NOT NULL DEFAULT '',
    relation VARCHAR(15) NOT NULL DEFAULT '',
    percent SMALLINT NOT NULL,
    from_at TIMESTAMPTZ NOT NULL,
    to_at TIMESTAMPTZ,
    CONSTRAINT beneficiary_percent CHECK (percent BETWEEN 1 AND 100)
);
CREATE INDEX beneficiary_member ON beneficiary (member);

CREATE TABLE cover (
    national_id UUID,
    province_id UUID,
    city_id UUID,
    county_id UUID,
    unit_id UUID,
    id UUID PRIMARY KEY,
    number VARCHAR(30) UNIQUE NOT NULL DEFAULT '',
    application UUID NOT NULL REFERENCES application (id) ON DELETE RESTRICT,
    member UUID UNIQUE NOT NULL REFERENCES enrolment_member (id) ON DELETE RESTRICT,
    plan UUID NOT NULL REFERENCES programme (id) ON DELETE RESTRICT,
    programme_version UUID NOT NULL REFERENCES programme_version (id) ON DELETE RESTRICT,
    person UUID NOT NULL REFERENCES person (id) ON DELETE RESTRICT,
    worker UUID NOT NULL REFERENCES person (id) ON DELETE RESTRICT,
    slot SMALLINT NOT NULL,
    shares SMALLINT NOT NULL,
    starts_on DATE NOT NULL,
    ends_on DATE NOT NULL,
    waived BOOLEAN NOT NULL DEFAULT false,
    renews BOOLEAN NOT NULL DEFAULT false,
    contribution_fen INTEGER NOT NULL,
    payer VARCHAR(10) NOT NULL DEFAULT '',
    ended_on DATE,
    end_reason VARCHAR(15) NOT NULL DEFAULT '',
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT cover_slot CHECK (slot BETWEEN 1 AND 9),
    CONSTRAINT cover_shares CHECK (shares BETWEEN 1 AND 100),
    CONSTRAINT cover_period CHECK (ends_on >= starts_on AND ended_on < ends_on),
    CONSTRAINT cover_contribution CHECK (contribution_fen >= 0),
    CONSTRAINT cover_payer CHECK (payer IN ('worker', 'unit', 'union', 'gift')),
    CONSTRAINT cover_end CHECK (end_reason IN ('', 'left', 'death', 'left_worker')
        AND (end_reason = '') = (ended_on IS NULL))
);
CREATE INDEX cover_application ON cover (application);
CREATE INDEX cover_plan ON cover (plan);
CREATE INDEX cover_programme_version ON cover (programme_version);
CREATE INDEX cover_person ON cover (person);
CREATE INDEX cover_worker ON cover (worker);
CREATE INDEX cover_unit ON cover (unit_id, id);
CREATE INDEX cover_county ON cover (county_id, id);
CREATE INDEX cover_city ON cover (city_id, id);
CREATE INDEX cover_province ON cover (province_id, id);
CREATE INDEX cover_national ON cover (national_id, id);

-- Nobody is covered twice by one plan on one day, beyond the places that the plan gives; a void cover covers no day.
CREATE TYPE uuidrange AS RANGE (subtype = uuid);
ALTER TABLE cover ADD CONSTRAINT cover_once EXCLUDE USING gist (
    uuidrange(person, person, '[]') WITH &&,
    uuidrange(plan, plan, '[]') WITH &&,
    int4range(slot::integer, slot::integer, '[]') WITH &&,
    daterange(starts_on, coalesce(ended_on, ends_on), '[]') WITH &&
) WHERE (ended_on IS NULL OR ended_on >= starts_on);

CREATE TABLE cover_change (
    id UUID PRIMARY KEY,
    cover UUID NOT NULL REFERENCES cover (id) ON DELETE RESTRICT,
    kind VARCHAR(10) NOT NULL DEFAULT '',
    effective_on DATE NOT NULL,
    note VARCHAR(200) NOT NULL DEFAULT '',
    by_account UUID NOT NULL,
    by_name VARCHAR(60) NOT NULL DEFAULT '',
    at TIMESTAMPTZ NOT NULL,
    CONSTRAINT cover_change_kind CHECK (kind IN ('joined', 'changed', 'ended'))
);
CREATE INDEX cover_change_cover ON cover_change (cover);
CREATE INDEX cover_change_at ON cover_change (at);

-- Lines and beneficiaries of a draft are replaced; a cover is made and ended at the console, never altered otherwise.
GRANT SELECT, INSERT, UPDATE, DELETE ON enrolment_member, beneficiary TO niangjia_api, niangjia_console;
GRANT SELECT, INSERT, UPDATE ON enrolment TO niangjia_api, niangjia_console;
GRANT SELECT ON enrolment, enrolment_member, beneficiary TO niangjia_worker;
GRANT SELECT ON cover TO niangjia_api, niangjia_console, niangjia_worker;
GRANT INSERT, UPDATE (ended_on, end_reason) ON cover TO niangjia_console;
GRANT SELECT, INSERT ON cover_change TO niangjia_api, niangjia_console;
GRANT SELECT ON cover_change TO niangjia_worker;
