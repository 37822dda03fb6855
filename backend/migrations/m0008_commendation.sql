CREATE TABLE campaign (
    id UUID PRIMARY KEY,
    programme_version UUID NOT NULL REFERENCES programme_version (id) ON DELETE RESTRICT,
    organiser UUID NOT NULL REFERENCES trade_union (id) ON DELETE RESTRICT,
    name VARCHAR(80) NOT NULL,
    opens_at TIMESTAMPTZ NOT NULL,
    closes_at TIMESTAMPTZ NOT NULL,
    state VARCHAR(12) NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    created_by UUID NOT NULL,
    opened_by UUID,
    slated_by UUID,
    slated_at TIMESTAMPTZ,
    CONSTRAINT campaign_state CHECK (state IN ('drafted', 'open', 'slated', 'closed')),
    CONSTRAINT campaign_window CHECK (closes_at > opens_at),
    CONSTRAINT campaign_second_person CHECK (opened_by IS DISTINCT FROM created_by OR opened_by IS NULL)
);
CREATE INDEX campaign_programme_version ON campaign (programme_version);
CREATE INDEX campaign_organiser ON campaign (organiser);

CREATE TABLE campaign_quota (
    id UUID PRIMARY KEY,
    campaign UUID NOT NULL REFERENCES campaign (id) ON DELETE RESTRICT,
    trade_union UUID NOT NULL REFERENCES trade_union (id) ON DELETE RESTRICT,
    mains SMALLINT NOT NULL,
    reserves SMALLINT NOT NULL,
    CONSTRAINT campaign_quota_places CHECK (mains >= 0 AND reserves >= 0)
);
CREATE UNIQUE INDEX campaign_quota_once ON campaign_quota (campaign, trade_union);
CREATE INDEX campaign_quota_campaign ON campaign_quota (campaign);
CREATE INDEX campaign_quota_trade_union ON campaign_quota (trade_union);

CREATE TABLE team (
    id UUID PRIMARY KEY,
    trade_union UUID NOT NULL REFERENCES trade_union (id) ON DELETE RESTRICT,
    name VARCHAR(60) NOT NULL,
    created_by UUID NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE UNIQUE INDEX team_once ON team (trade_union, name);
CREATE INDEX team_trade_union ON team (trade_union);

CREATE TABLE team_member (
    id UUID PRIMARY KEY,
    team UUID NOT NULL REFERENCES team (id) ON DELETE RESTRICT,
    person UUID NOT NULL REFERENCES person (id) ON DELETE RESTRICT,
    leader BOOLEAN NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX team_member_once ON team_member (team, person);
CREATE UNIQUE INDEX team_leader_once ON team_member (team) WHERE leader;
CREATE INDEX team_member_team ON team_member (team);
CREATE INDEX team_member_person ON team_member (person);

CREATE TABLE meeting (
    id UUID PRIMARY KEY,
    campaign UUID NOT NULL REFERENCES campaign (id) ON DELETE RESTRICT,
    trade_union UUID NOT NULL REFERENCES trade_union (id) ON DELETE RESTRICT,
    kind VARCHAR(12) NOT NULL,
    held_on DATE NOT NULL,
    members INTEGER NOT NULL,
    present INTEGER NOT NULL,
    recorded_by UUID NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT meeting_kind CHECK (kind IN ('congress', 'committee')),
    CONSTRAINT meeting_present CHECK (present BETWEEN 1 AND members)
);
CREATE UNIQUE INDEX meeting_once ON meeting (campaign, trade_union, kind, held_on);
CREATE INDEX meeting_campaign ON meeting (campaign);
CREATE INDEX meeting_trade_union ON meeting (trade_union);

CREATE TABLE nomination (
    id UUID PRIMARY KEY,
    application UUID UNIQUE NOT NULL REFERENCES application (id) ON DELETE RESTRICT,
    campaign UUID NOT NULL REFERENCES campaign (id) ON DELETE RESTRICT,
    nominee UUID NOT NULL,
    standing VARCHAR(8) NOT NULL,
    category VARCHAR(20) NOT NULL,
    traits JSONB NOT NULL DEFAULT '[]',
    merit_sealed BYTEA NOT NULL,
    merit_count INTEGER NOT NULL,
    form_sealed BYTEA NOT NULL,
    deed VARCHAR(200) NOT NULL,
    consent VARCHAR(8) NOT NULL,
    consent_person UUID REFERENCES person (id) ON DELETE RESTRICT,
    consent_at TIMESTAMPTZ,
    quota_union UUID REFERENCES trade_union (id) ON DELETE RESTRICT,
    meeting UUID REFERENCES meeting (id) ON DELETE RESTRICT,
    votes_for INTEGER,
    unit_rank SMALLINT,
    score INTEGER,
    CONSTRAINT nomination_standing CHECK (standing IN ('draft', 'live', 'over')),
    CONSTRAINT nomination_consent CHECK (consent IN ('needless', 'asked', 'given', 'refused')),
    CONSTRAINT nomination_score CHECK (score BETWEEN 0 AND 10000)
);
-- Of those who nominate one and the same, one nomination counts: the others join it.
CREATE UNIQUE INDEX nomination_live ON nomination (campaign, nominee) WHERE standing = 'live';
CREATE UNIQUE INDEX nomination_unit_rank ON nomination (meeting, unit_rank) WHERE standing = 'live';
CREATE INDEX nomination_campaign ON nomination (campaign);
CREATE INDEX nomination_consent_person ON nomination (consent_person);
CREATE INDEX nomination_quota_union ON nomination (quota_union);
CREATE INDEX nomination_meeting ON nomination (meeting);

CREATE TABLE nomination_line (
    id UUID PRIMARY KEY,
    nomination UUID NOT NULL REFERENCES nomination (id) ON DELETE RESTRICT,
    account UUID NOT NULL,
    person UUID REFERENCES person (id) ON DELETE RESTRICT,
    nominator_name VARCHAR(60) NOT NULL,
    origin VARCHAR(10) NOT NULL,
    merit_sealed BYTEA NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    CONSTRAINT nomination_line_origin CHECK (origin IN ('oneself', 'colleague', 'unit'))
);
CREATE UNIQUE INDEX nomination_line_once ON nomination_line (nomination, account);
CREATE INDEX nomination_line_nomination ON nomination_line (nomination);
CREATE INDEX nomination_line_person ON nomination_line (person);

CREATE TABLE clearance (
    id UUID PRIMARY KEY,
    application UUID NOT NULL REFERENCES application (id) ON DELETE RESTRICT,
    authority VARCHAR(30) NOT NULL,
    favourable BOOLEAN NOT NULL,
    opinion VARCHAR(300) NOT NULL,
    reference VARCHAR(60) NOT NULL,
    replied_on DATE NOT NULL,
    expires_on DATE NOT NULL,
    paper UUID NOT NULL REFERENCES upload (id) ON DELETE RESTRICT,
    recorded_by UUID NOT NULL,
    recorder_name VARCHAR(60) NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT clearance_period CHECK (expires_on >= replied_on)
);
CREATE INDEX clearance_application ON clearance (application, authority, recorded_at DESC);
CREATE INDEX clearance_paper ON clearance (paper);

CREATE TABLE incident (
    id UUID PRIMARY KEY,
    trade_union UUID REFERENCES trade_union (id) ON DELETE RESTRICT,
    person UUID REFERENCES person (id) ON DELETE RESTRICT,
    incident VARCHAR(20) NOT NULL,
    happened_on DATE NOT NULL,
    source VARCHAR(200) NOT NULL,
    recorded_by UUID NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT incident_of CHECK (num_nonnulls(trade_union, person) = 1)
);
CREATE INDEX incident_trade_union ON incident (trade_union);
CREATE INDEX incident_person ON incident (person);

CREATE TABLE slate_choice (
    id UUID PRIMARY KEY,
    campaign UUID NOT NULL REFERENCES campaign (id) ON DELETE RESTRICT,
    application UUID REFERENCES application (id) ON DELETE RESTRICT,
    ratio VARCHAR(30) NOT NULL,
    placement VARCHAR(10) NOT NULL,
    reason VARCHAR(300) NOT NULL,
    chosen_by UUID NOT NULL,
    chooser_name VARCHAR(60) NOT NULL,
    chosen_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT slate_choice_of CHECK ((application IS NULL) = (ratio <> '')),
    CONSTRAINT slate_choice_placement CHECK (placement IN ('', 'main', 'reserve', 'none'))
);
CREATE INDEX slate_choice_campaign ON slate_choice (campaign);
CREATE INDEX slate_choice_application ON slate_choice (application);

CREATE TABLE award (
    id UUID PRIMARY KEY,
    application UUID UNIQUE NOT NULL REFERENCES application (id) ON DELETE RESTRICT,
    campaign UUID NOT NULL REFERENCES campaign (id) ON DELETE RESTRICT,
    number VARCHAR(40) UNIQUE NOT NULL,
    document VARCHAR(80) NOT NULL,
    title VARCHAR(60) NOT NULL,
    holder VARCHAR(60) NOT NULL,
    granted_on DATE NOT NULL,
    granted_by UUID NOT NULL,
    honour UUID,
    revoked_on DATE,
    revoked_reason VARCHAR(300) NOT NULL DEFAULT ''
);
CREATE INDEX award_campaign ON award (campaign);

GRANT SELECT, INSERT, UPDATE ON campaign, campaign_quota, team, team_member, meeting, nomination
    TO niangjia_api, niangjia_console, niangjia_worker;
-- What was said stays said: an authority's reply, a line, an incident, a departure, an award's own words.
GRANT SELECT, INSERT ON nomination_line, clearance, incident, slate_choice
    TO niangjia_api, niangjia_console, niangjia_worker;
GRANT SELECT, INSERT, UPDATE (honour, revoked_on, revoked_reason) ON award TO niangjia_api, niangjia_console, niangjia_worker;

-- What was published stays as it was published, whoever asks.
CREATE FUNCTION keep_published() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a published programme version is final' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER programme_version_final BEFORE UPDATE OF content, programme, number, state ON programme_version
    FOR EACH ROW WHEN (OLD.state = 'published' AND (NEW.content, NEW.programme, NEW.number, NEW.state)
        IS DISTINCT FROM (OLD.content, OLD.programme, OLD.number, OLD.state))
    EXECUTE FUNCTION keep_published();
