-- The roles that the processes log in as. They are of the whole server, so another database may have made them.
DO $$
DECLARE
    name text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('niangjia roles'));
    FOREACH name IN ARRAY ARRAY['niangjia_api', 'niangjia_console', 'niangjia_worker', 'niangjia_console_admin'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I', name);
        END IF;
    END LOOP;
    -- The console sets this role for /admin/ alone; row-level security holds for it.
    GRANT niangjia_console_admin TO niangjia_console;
END
$$;

CREATE TABLE audit_entry (
    id UUID PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    actor UUID,
    actor_name VARCHAR(60) NOT NULL DEFAULT '',
    role VARCHAR(20) NOT NULL DEFAULT '',
    act VARCHAR(60) NOT NULL DEFAULT '',
    outcome VARCHAR(20) NOT NULL DEFAULT '',
    object_kind VARCHAR(30) NOT NULL DEFAULT '',
    object UUID,
    reason VARCHAR(500) NOT NULL DEFAULT '',
    detail JSONB NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_entry_actor ON audit_entry (actor);
CREATE INDEX audit_entry_object ON audit_entry (object);

CREATE TABLE calendar_day (
    day DATE PRIMARY KEY,
    working BOOLEAN NOT NULL DEFAULT false,
    name VARCHAR(40) NOT NULL DEFAULT ''
);

CREATE TABLE trade_union (
    national_id UUID,
    province_id UUID,
    city_id UUID,
    county_id UUID,
    unit_id UUID,
    id UUID PRIMARY KEY,
    name VARCHAR(120) NOT NULL DEFAULT '',
    short_name VARCHAR(60) NOT NULL DEFAULT '',
    level VARCHAR(10) NOT NULL DEFAULT '',
    kind VARCHAR(30) NOT NULL DEFAULT '',
    uscc VARCHAR(18) UNIQUE,
    area_code VARCHAR(6),
    active BOOLEAN NOT NULL DEFAULT true
);

CREATE TABLE person (
    id UUID PRIMARY KEY,
    name VARCHAR(50) NOT NULL DEFAULT '',
    sex VARCHAR(6) NOT NULL DEFAULT '',
    born_on DATE,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE console_user (
    username VARCHAR(100) UNIQUE NOT NULL DEFAULT '',
    password VARCHAR(255) NOT NULL DEFAULT '',
    first_name VARCHAR(255) DEFAULT '',
    last_name VARCHAR(255) DEFAULT '',
    email VARCHAR(255) UNIQUE NOT NULL DEFAULT '',
    active BOOLEAN NOT NULL DEFAULT false,
    admin BOOLEAN NOT NULL DEFAULT false,
    superuser BOOLEAN NOT NULL DEFAULT false,
    last_login TIMESTAMP,
    id SERIAL PRIMARY KEY
);

CREATE TABLE console_attempt (
    id UUID PRIMARY KEY,
    name_digest BYTEA NOT NULL DEFAULT '',
    address_digest BYTEA NOT NULL DEFAULT '',
    at TIMESTAMPTZ NOT NULL,
    failed BOOLEAN NOT NULL DEFAULT true
);
CREATE INDEX console_attempt_name_digest ON console_attempt (name_digest);
CREATE INDEX console_attempt_address_digest ON console_attempt (address_digest);

CREATE TABLE login_code (
    id UUID PRIMARY KEY,
    purpose VARCHAR(20) NOT NULL DEFAULT '',
    subject_digest BYTEA NOT NULL DEFAULT '',
    address_digest BYTEA NOT NULL DEFAULT '',
    code_digest BYTEA NOT NULL DEFAULT '',
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    tries SMALLINT NOT NULL DEFAULT 0,
    used_at TIMESTAMPTZ
);
CREATE INDEX login_code_subject_digest ON login_code (subject_digest);
CREATE INDEX login_code_address_digest ON login_code (address_digest);

CREATE TABLE emergency (
    id UUID PRIMARY KEY,
    name VARCHAR(120) NOT NULL DEFAULT '',
    level VARCHAR(20) NOT NULL DEFAULT '',
    area_code VARCHAR(6) NOT NULL DEFAULT '',
    start_on DATE NOT NULL,
    end_on DATE
);

CREATE TABLE idempotency_key (
    id UUID PRIMARY KEY,
    actor UUID NOT NULL,
    operation VARCHAR(60) NOT NULL DEFAULT '',
    key VARCHAR(80) NOT NULL DEFAULT '',
    digest BYTEA NOT NULL DEFAULT '',
    resource UUID,
    status SMALLINT NOT NULL DEFAULT 0,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE case_key (
    application UUID PRIMARY KEY,
    sealed BYTEA
);

CREATE TABLE sanatorium (
    id UUID PRIMARY KEY,
    name VARCHAR(120) NOT NULL DEFAULT '',
    address VARCHAR(200) NOT NULL DEFAULT '',
    area_code VARCHAR(6) NOT NULL DEFAULT ''
);

CREATE TABLE affiliation (
    id UUID PRIMARY KEY,
    trade_union UUID NOT NULL REFERENCES trade_union (id) ON DELETE RESTRICT,
    parent UUID NOT NULL REFERENCES trade_union (id) ON DELETE RESTRICT,
    line VARCHAR(10) NOT NULL DEFAULT '',
    from_on DATE NOT NULL,
    to_on DATE
);
CREATE INDEX affiliation_trade_union ON affiliation (trade_union);
CREATE INDEX affiliation_parent ON affiliation (parent);

CREATE TABLE programme (
    id UUID PRIMARY KEY,
    kind VARCHAR(20) NOT NULL DEFAULT '',
    organiser UUID NOT NULL REFERENCES trade_union (id) ON DELETE RESTRICT,
    code VARCHAR(40) UNIQUE NOT NULL DEFAULT '',
    name_zh VARCHAR(80) NOT NULL DEFAULT '',
    name_en VARCHAR(120) NOT NULL DEFAULT ''
);
CREATE INDEX programme_organiser ON programme (organiser);

CREATE TABLE notice (
    id UUID PRIMARY KEY,
    token VARCHAR(40) UNIQUE NOT NULL DEFAULT '',
    kind VARCHAR(20) NOT NULL DEFAULT '',
    aggregate UUID NOT NULL,
    stage VARCHAR(30) NOT NULL DEFAULT '',
    trade_union UUID NOT NULL REFERENCES trade_union (id) ON DELETE RESTRICT,
    title_zh VARCHAR(120) NOT NULL DEFAULT '',
    title_en VARCHAR(200) NOT NULL DEFAULT '',
    legal_basis VARCHAR(300) NOT NULL DEFAULT '',
    working_days SMALLINT NOT NULL DEFAULT 0,
    first_on DATE NOT NULL,
    last_on DATE NOT NULL,
    state VARCHAR(10) NOT NULL DEFAULT '',
    published_by UUID NOT NULL,
    published_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    result VARCHAR(300) NOT NULL DEFAULT ''
);
CREATE INDEX notice_aggregate ON notice (aggregate);
CREATE INDEX notice_trade_union ON notice (trade_union);

CREATE TABLE policy_row (
    id UUID PRIMARY KEY,
    topic VARCHAR(40) NOT NULL DEFAULT '',
    trade_union UUID NOT NULL REFERENCES trade_union (id) ON DELETE RESTRICT,
    effective_from DATE NOT NULL,
    effective_to DATE,
    rules JSONB NOT NULL DEFAULT '{}',
    clause VARCHAR(200) NOT NULL DEFAULT ''
);
CREATE INDEX policy_row_trade_union ON policy_row (trade_union);

CREATE TABLE person_identifier (
    id UUID PRIMARY KEY,
    person UUID NOT NULL REFERENCES person (id) ON DELETE RESTRICT,
    type VARCHAR(20) NOT NULL DEFAULT '',
    sealed BYTEA NOT NULL DEFAULT '',
    digest BYTEA NOT NULL DEFAULT '',
    masked VARCHAR(40) NOT NULL DEFAULT ''
);
CREATE INDEX person_identifier_person ON person_identifier (person);

CREATE TABLE relation (
    id UUID PRIMARY KEY,
    person UUID NOT NULL REFERENCES person (id) ON DELETE RESTRICT,
    relative UUID NOT NULL REFERENCES person (id) ON DELETE RESTRICT,
    declared_name VARCHAR(50) NOT NULL DEFAULT '',
    kind VARCHAR(10) NOT NULL DEFAULT '',
    evidence UUID,
    from_on DATE,
    to_on DATE
);
CREATE INDEX relation_person ON relation (person);
CREATE INDEX relation_relative ON relation (relative);

CREATE TABLE consent (
    id UUID PRIMARY KEY,
    person UUID NOT NULL REFERENCES person (id) ON DELETE RESTRICT,
    purpose VARCHAR(30) NOT NULL DEFAULT '',
    text_version VARCHAR(20) NOT NULL DEFAULT '',
    given_by UUID NOT NULL REFERENCES person (id) ON DELETE RESTRICT,
    given_at TIMESTAMPTZ NOT NULL,
    withdrawn_at TIMESTAMPTZ
);
CREATE INDEX consent_person ON consent (person);
CREATE INDEX consent_given_by ON consent (given_by);

CREATE TABLE worker_account (
    id UUID PRIMARY KEY,
    phone_sealed BYTEA NOT NULL DEFAULT '',
    phone_digest BYTEA UNIQUE NOT NULL DEFAULT '',
    phone_masked VARCHAR(20) NOT NULL DEFAULT '',
    person UUID UNIQUE REFERENCES person (id) ON DELETE RESTRICT,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE staff_record (
    national_id UUID,
    province_id UUID,
    city_id UUID,
    county_id UUID,
    unit_id UUID,
    id UUID PRIMARY KEY,
    person UUID UNIQUE NOT NULL REFERENCES person (id) ON DELETE RESTRICT,
    unit UUID NOT NULL REFERENCES trade_union (id) ON DELETE RESTRICT,
    department VARCHAR(60) NOT NULL DEFAULT '',
    identifier_type VARCHAR(20) NOT NULL DEFAULT '',
    identifier_sealed BYTEA NOT NULL DEFAULT '',
    identifier_digest BYTEA NOT NULL DEFAULT '',
    identifier_masked VARCHAR(40) NOT NULL DEFAULT '',
    phone_sealed BYTEA NOT NULL DEFAULT '',
    phone_digest BYTEA NOT NULL DEFAULT '',
    phone_masked VARCHAR(20) NOT NULL DEFAULT '',
    population VARCHAR(30) NOT NULL DEFAULT '',
    job_category VARCHAR(30) NOT NULL DEFAULT '',
    joined_unit_on DATE NOT NULL,
    certification VARCHAR(20) NOT NULL DEFAULT '',
    list_version VARCHAR(40) NOT NULL DEFAULT '',
    source VARCHAR(10) NOT NULL DEFAULT '',
    state VARCHAR(10) NOT NULL DEFAULT '',
    reported_by UUID NOT NULL,
    verified_by UUID,
    verified_at TIMESTAMPTZ,
    return_reason VARCHAR(500) NOT NULL DEFAULT '',
    version INTEGER NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX staff_record_unit ON staff_record (unit);
CREATE INDEX staff_record_identifier_digest ON staff_record (identifier_digest);
CREATE INDEX staff_record_phone_digest ON staff_record (phone_digest);

CREATE TABLE upload (
    id UUID PRIMARY KEY,
    kind VARCHAR(30) NOT NULL DEFAULT '',
    owner_person UUID REFERENCES person (id) ON DELETE RESTRICT,
    owner_union UUID REFERENCES trade_union (id) ON DELETE RESTRICT,
    owner_application UUID,
    reserved_by UUID NOT NULL,
    state VARCHAR(10) NOT NULL DEFAULT '',
    name_sealed BYTEA NOT NULL DEFAULT '',
    declared_type VARCHAR(20) NOT NULL DEFAULT '',
    declared_size INTEGER NOT NULL DEFAULT 0,
    declared_sha256 BYTEA NOT NULL DEFAULT '',
    object_key VARCHAR(80) UNIQUE NOT NULL DEFAULT '',
    rendition_key VARCHAR(80),
    detected_type VARCHAR(20) NOT NULL DEFAULT '',
    pages SMALLINT NOT NULL DEFAULT 0,
    malware VARCHAR(12) NOT NULL DEFAULT 'not_scanned',
    refusal_code VARCHAR(40) NOT NULL DEFAULT '',
    reserved_at TIMESTAMPTZ NOT NULL,
    uploaded_at TIMESTAMPTZ,
    checked_at TIMESTAMPTZ,
    expires_on DATE,
    version INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX upload_owner_person ON upload (owner_person);
CREATE INDEX upload_owner_union ON upload (owner_union);
CREATE INDEX upload_owner_application ON upload (owner_application);
CREATE INDEX upload_reserved_by ON upload (reserved_by);

CREATE TABLE console_account (
    id UUID PRIMARY KEY,
    login INTEGER UNIQUE NOT NULL REFERENCES console_user (id) ON DELETE RESTRICT,
    name VARCHAR(50) NOT NULL DEFAULT '',
    person UUID REFERENCES person (id) ON DELETE RESTRICT,
    employer UUID REFERENCES trade_union (id) ON DELETE RESTRICT,
    totp_sealed BYTEA,
    totp_counter BIGINT NOT NULL DEFAULT 0,
    active BOOLEAN NOT NULL DEFAULT true,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX console_account_person ON console_account (person);
CREATE INDEX console_account_employer ON console_account (employer);

CREATE TABLE console_session (
    id UUID PRIMARY KEY,
    account UUID NOT NULL REFERENCES console_account (id) ON DELETE RESTRICT,
    token_digest BYTEA UNIQUE NOT NULL DEFAULT '',
    proven BOOLEAN NOT NULL DEFAULT false,
    proposed_sealed BYTEA,
    created_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    end_reason VARCHAR(20) NOT NULL DEFAULT ''
);
CREATE INDEX console_session_account ON console_session (account);

CREATE TABLE programme_version (
    id UUID PRIMARY KEY,
    programme UUID NOT NULL REFERENCES programme (id) ON DELETE RESTRICT,
    number SMALLINT NOT NULL DEFAULT 0,
    state VARCHAR(10) NOT NULL DEFAULT '',
    content JSONB NOT NULL DEFAULT '{}',
    drafted_by UUID NOT NULL,
    published_by UUID,
    published_at TIMESTAMPTZ
);
CREATE INDEX programme_version_programme ON programme_version (programme);

CREATE TABLE token_family (
    id UUID PRIMARY KEY,
    account UUID NOT NULL REFERENCES worker_account (id) ON DELETE RESTRICT,
    device VARCHAR(60) NOT NULL DEFAULT '',
    generation INTEGER NOT NULL DEFAULT 0,
    created_at TIMESTAMPTZ NOT NULL,
    rotated_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    end_reason VARCHAR(20) NOT NULL DEFAULT ''
);
CREATE INDEX token_family_account ON token_family (account);

CREATE TABLE notification (
    id UUID PRIMARY KEY,
    occasion UUID NOT NULL,
    recipient UUID NOT NULL REFERENCES worker_account (id) ON DELETE RESTRICT,
    channel VARCHAR(10) NOT NULL DEFAULT '',
    template VARCHAR(40) NOT NULL DEFAULT '',
    words JSONB NOT NULL DEFAULT '{}',
    application UUID,
    created_at TIMESTAMPTZ NOT NULL,
    attempted_at TIMESTAMPTZ,
    delivered_at TIMESTAMPTZ,
    read_at TIMESTAMPTZ
);
CREATE INDEX notification_recipient ON notification (recipient);

CREATE TABLE honour (
    id UUID PRIMARY KEY,
    record UUID NOT NULL REFERENCES staff_record (id) ON DELETE RESTRICT,
    title VARCHAR(120) NOT NULL DEFAULT '',
    level VARCHAR(10) NOT NULL DEFAULT '',
    awarded_on DATE NOT NULL,
    evidence UUID
);
CREATE INDEX honour_record ON honour (record);

CREATE TABLE service_period (
    id UUID PRIMARY KEY,
    record UUID NOT NULL REFERENCES staff_record (id) ON DELETE RESTRICT,
    emergency UUID NOT NULL REFERENCES emergency (id) ON DELETE RESTRICT,
    place VARCHAR(120) NOT NULL DEFAULT '',
    post VARCHAR(60) NOT NULL DEFAULT '',
    dispatch VARCHAR(20) NOT NULL DEFAULT '',
    from_on DATE NOT NULL,
    to_on DATE,
    evidence UUID
);
CREATE INDEX service_period_record ON service_period (record);
CREATE INDEX service_period_emergency ON service_period (emergency);

CREATE TABLE takeover (
    id UUID PRIMARY KEY,
    account UUID NOT NULL REFERENCES worker_account (id) ON DELETE RESTRICT,
    record UUID REFERENCES staff_record (id) ON DELETE RESTRICT,
    state VARCHAR(10) NOT NULL DEFAULT '',
    asked_at TIMESTAMPTZ NOT NULL,
    settled_at TIMESTAMPTZ,
    settled_by UUID,
    how VARCHAR(10) NOT NULL DEFAULT '',
    reason VARCHAR(500) NOT NULL DEFAULT ''
);
CREATE INDEX takeover_account ON takeover (account);
CREATE INDEX takeover_record ON takeover (record);

CREATE TABLE verdict (
    id UUID PRIMARY KEY,
    upload UUID NOT NULL REFERENCES upload (id) ON DELETE RESTRICT,
    sha256 BYTEA NOT NULL DEFAULT '',
    outcome VARCHAR(10) NOT NULL DEFAULT '',
    reason_code VARCHAR(30) NOT NULL DEFAULT '',
    comment VARCHAR(500) NOT NULL DEFAULT '',
    by_account UUID NOT NULL,
    by_name VARCHAR(60) NOT NULL DEFAULT '',
    at TIMESTAMPTZ NOT NULL,
    expires_on DATE
);
CREATE INDEX verdict_upload ON verdict (upload);

CREATE TABLE role_binding (
    id UUID PRIMARY KEY,
    account UUID NOT NULL REFERENCES console_account (id) ON DELETE RESTRICT,
    role VARCHAR(20) NOT NULL DEFAULT '',
    trade_union UUID NOT NULL REFERENCES trade_union (id) ON DELETE RESTRICT,
    granted_by UUID,
    approved_by UUID,
    from_at TIMESTAMPTZ NOT NULL,
    to_at TIMESTAMPTZ
);
CREATE INDEX role_binding_account ON role_binding (account);
CREATE INDEX role_binding_trade_union ON role_binding (trade_union);

CREATE TABLE application (
    national_id UUID,
    province_id UUID,
    city_id UUID,
    county_id UUID,
    unit_id UUID,
    id UUID PRIMARY KEY,
    number VARCHAR(20) UNIQUE NOT NULL DEFAULT '',
    kind VARCHAR(20) NOT NULL DEFAULT '',
    programme_version UUID NOT NULL REFERENCES programme_version (id) ON DELETE RESTRICT,
    submitted_by UUID NOT NULL,
    filed_by_officer BOOLEAN NOT NULL DEFAULT false,
    subject_kind VARCHAR(10) NOT NULL DEFAULT '',
    subject_person UUID REFERENCES person (id) ON DELETE RESTRICT,
    subject_union UUID REFERENCES trade_union (id) ON DELETE RESTRICT,
    subject_team UUID,
    subject_group UUID,
    subject_name VARCHAR(60) NOT NULL DEFAULT '',
    aggregate UUID,
    state VARCHAR(12) NOT NULL DEFAULT '',
    stage VARCHAR(30) NOT NULL DEFAULT '',
    resume_stage VARCHAR(30) NOT NULL DEFAULT '',
    awaiting_role VARCHAR(20) NOT NULL DEFAULT '',
    acting_union UUID REFERENCES trade_union (id) ON DELETE RESTRICT,
    round SMALLINT NOT NULL DEFAULT 1,
    placement VARCHAR(10) NOT NULL DEFAULT '',
    rank INTEGER,
    points INTEGER NOT NULL DEFAULT 0,
    papers_required SMALLINT NOT NULL DEFAULT 0,
    papers_verified SMALLINT NOT NULL DEFAULT 0,
    due_on DATE,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL,
    submitted_at TIMESTAMPTZ,
    entered_at TIMESTAMPTZ NOT NULL,
    decided_at TIMESTAMPTZ
);
CREATE INDEX application_programme_version ON application (programme_version);
CREATE INDEX application_submitted_by ON application (submitted_by);
CREATE INDEX application_subject_person ON application (subject_person);
CREATE INDEX application_subject_union ON application (subject_union);
CREATE INDEX application_aggregate ON application (aggregate);
CREATE INDEX application_acting_union ON application (acting_union);

CREATE TABLE batch (
    id UUID PRIMARY KEY,
    programme_version UUID NOT NULL REFERENCES programme_version (id) ON DELETE RESTRICT,
    organiser UUID NOT NULL REFERENCES trade_union (id) ON DELETE RESTRICT,
    sanatorium UUID NOT NULL REFERENCES sanatorium (id) ON DELETE RESTRICT,
    emergency UUID NOT NULL REFERENCES emergency (id) ON DELETE RESTRICT,
    name VARCHAR(80) NOT NULL DEFAULT '',
    starts_on DATE NOT NULL,
    ends_on DATE NOT NULL,
    capacity SMALLINT NOT NULL DEFAULT 0,
    cost_per_day_fen INTEGER NOT NULL DEFAULT 0,
    funding_source VARCHAR(40) NOT NULL DEFAULT '',
    companion_rule VARCHAR(20) NOT NULL DEFAULT '',
    opens_at TIMESTAMPTZ NOT NULL,
    closes_at TIMESTAMPTZ NOT NULL,
    confirm_working_days SMALLINT NOT NULL DEFAULT 0,
    confirm_due_on DATE,
    state VARCHAR(12) NOT NULL DEFAULT '',
    version INTEGER NOT NULL DEFAULT 1,
    created_by UUID NOT NULL,
    opened_by UUID,
    allocated_at TIMESTAMPTZ
);
CREATE INDEX batch_programme_version ON batch (programme_version);
CREATE INDEX batch_organiser ON batch (organiser);
CREATE INDEX batch_sanatorium ON batch (sanatorium);
CREATE INDEX batch_emergency ON batch (emergency);

CREATE TABLE application_document (
    id UUID PRIMARY KEY,
    application UUID NOT NULL REFERENCES application (id) ON DELETE RESTRICT,
    requirement VARCHAR(30) NOT NULL DEFAULT '',
    person UUID REFERENCES person (id) ON DELETE RESTRICT,
    upload UUID NOT NULL REFERENCES upload (id) ON DELETE RESTRICT,
    attached_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX application_document_application ON application_document (application);
CREATE INDEX application_document_person ON application_document (person);
CREATE INDEX application_document_upload ON application_document (upload);

CREATE TABLE application_event (
    id UUID PRIMARY KEY,
    application UUID NOT NULL REFERENCES application (id) ON DELETE RESTRICT,
    seq INTEGER NOT NULL DEFAULT 0,
    at TIMESTAMPTZ NOT NULL,
    actor UUID NOT NULL,
    actor_name VARCHAR(60) NOT NULL DEFAULT '',
    role VARCHAR(20) NOT NULL DEFAULT '',
    action VARCHAR(20) NOT NULL DEFAULT '',
    from_state VARCHAR(12) NOT NULL DEFAULT '',
    to_state VARCHAR(12) NOT NULL DEFAULT '',
    from_stage VARCHAR(30) NOT NULL DEFAULT '',
    to_stage VARCHAR(30) NOT NULL DEFAULT '',
    comment TEXT NOT NULL DEFAULT '',
    body BYTEA NOT NULL DEFAULT '',
    previous BYTEA NOT NULL DEFAULT '',
    hash BYTEA NOT NULL DEFAULT ''
);
CREATE INDEX application_event_application ON application_event (application);

CREATE TABLE application_facts (
    id UUID PRIMARY KEY,
    application UUID NOT NULL REFERENCES application (id) ON DELETE RESTRICT,
    seq INTEGER NOT NULL DEFAULT 0,
    sealed BYTEA NOT NULL DEFAULT ''
);
CREATE INDEX application_facts_application ON application_facts (application);

CREATE TABLE notice_entry (
    id UUID PRIMARY KEY,
    notice UUID NOT NULL REFERENCES notice (id) ON DELETE RESTRICT,
    application UUID NOT NULL REFERENCES application (id) ON DELETE RESTRICT,
    placement VARCHAR(10) NOT NULL DEFAULT '',
    rank INTEGER NOT NULL DEFAULT 0,
    shown_name VARCHAR(60) NOT NULL DEFAULT '',
    shown_unit VARCHAR(120) NOT NULL DEFAULT '',
    shown_deed VARCHAR(200) NOT NULL DEFAULT ''
);
CREATE INDEX notice_entry_notice ON notice_entry (notice);
CREATE INDEX notice_entry_application ON notice_entry (application);

CREATE TABLE recusal (
    id UUID PRIMARY KEY,
    application UUID NOT NULL REFERENCES application (id) ON DELETE RESTRICT,
    stage VARCHAR(30) NOT NULL DEFAULT '',
    account UUID NOT NULL,
    account_name VARCHAR(60) NOT NULL DEFAULT '',
    reason VARCHAR(200) NOT NULL DEFAULT '',
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX recusal_application ON recusal (application);

CREATE TABLE review (
    id UUID PRIMARY KEY,
    application UUID NOT NULL REFERENCES application (id) ON DELETE RESTRICT,
    stage VARCHAR(30) NOT NULL DEFAULT '',
    round SMALLINT NOT NULL DEFAULT 0,
    reviewer UUID NOT NULL,
    reviewer_name VARCHAR(60) NOT NULL DEFAULT '',
    passes BOOLEAN NOT NULL DEFAULT false,
    scores JSONB NOT NULL DEFAULT '{}',
    comment VARCHAR(500) NOT NULL DEFAULT '',
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX review_application ON review (application);

CREATE TABLE settlement (
    id UUID PRIMARY KEY,
    application UUID NOT NULL REFERENCES application (id) ON DELETE RESTRICT,
    stage VARCHAR(30) NOT NULL DEFAULT '',
    round SMALLINT NOT NULL DEFAULT 0,
    by_account UUID NOT NULL,
    by_name VARCHAR(60) NOT NULL DEFAULT '',
    passes BOOLEAN NOT NULL DEFAULT false,
    comment VARCHAR(500) NOT NULL DEFAULT '',
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX settlement_application ON settlement (application);

CREATE TABLE batch_quota (
    id UUID PRIMARY KEY,
    batch UUID NOT NULL REFERENCES batch (id) ON DELETE RESTRICT,
    trade_union UUID NOT NULL REFERENCES trade_union (id) ON DELETE RESTRICT,
    places SMALLINT NOT NULL DEFAULT 0
);
CREATE INDEX batch_quota_batch ON batch_quota (batch);
CREATE INDEX batch_quota_trade_union ON batch_quota (trade_union);

CREATE TABLE stay (
    id UUID PRIMARY KEY,
    person UUID NOT NULL REFERENCES person (id) ON DELETE RESTRICT,
    batch UUID REFERENCES batch (id) ON DELETE RESTRICT,
    area_code VARCHAR(6) NOT NULL DEFAULT '',
    starts_on DATE NOT NULL,
    ends_on DATE NOT NULL
);
CREATE INDEX stay_person ON stay (person);
CREATE INDEX stay_batch ON stay (batch);

CREATE TABLE stay_request (
    id UUID PRIMARY KEY,
    application UUID UNIQUE NOT NULL REFERENCES application (id) ON DELETE RESTRICT,
    batch UUID NOT NULL REFERENCES batch (id) ON DELETE RESTRICT,
    person UUID NOT NULL REFERENCES person (id) ON DELETE RESTRICT,
    companions SMALLINT NOT NULL DEFAULT 0,
    fit_to_travel BOOLEAN NOT NULL,
    health_sealed BYTEA NOT NULL DEFAULT '',
    contact_sealed BYTEA NOT NULL DEFAULT '',
    quota_union UUID REFERENCES trade_union (id) ON DELETE RESTRICT,
    live BOOLEAN NOT NULL DEFAULT true
);
CREATE INDEX stay_request_batch ON stay_request (batch);
CREATE INDEX stay_request_person ON stay_request (person);
CREATE INDEX stay_request_quota_union ON stay_request (quota_union);

CREATE TABLE objection (
    id UUID PRIMARY KEY,
    entry UUID NOT NULL REFERENCES notice_entry (id) ON DELETE RESTRICT,
    application UUID NOT NULL REFERENCES application (id) ON DELETE RESTRICT,
    by_account UUID NOT NULL,
    by_person UUID,
    sealed BYTEA NOT NULL DEFAULT '',
    state VARCHAR(10) NOT NULL DEFAULT '',
    raised_at TIMESTAMPTZ NOT NULL,
    handler UUID,
    handler_name VARCHAR(60) NOT NULL DEFAULT '',
    result VARCHAR(500) NOT NULL DEFAULT '',
    settled_at TIMESTAMPTZ
);
CREATE INDEX objection_entry ON objection (entry);
CREATE INDEX objection_application ON objection (application);

-- Business time in a demonstration, moved by the operator alone; empty in production.
CREATE TABLE demo_clock (
    id SMALLINT PRIMARY KEY CHECK (id = 1),
    moved_by INTERVAL NOT NULL
);

-- Words that a column may hold.
ALTER TABLE trade_union
    ADD CONSTRAINT trade_union_level CHECK (level IN ('national', 'province', 'city', 'county', 'unit')),
    ADD CONSTRAINT trade_union_name CHECK (name <> '');
ALTER TABLE affiliation
    ADD CONSTRAINT affiliation_line CHECK (line IN ('primary', 'industry')),
    ADD CONSTRAINT affiliation_self CHECK (trade_union <> parent),
    ADD CONSTRAINT affiliation_period CHECK (to_on IS NULL OR to_on >= from_on);
ALTER TABLE person
    ADD CONSTRAINT person_name CHECK (name <> ''),
    ADD CONSTRAINT person_sex CHECK (sex IN ('', 'male', 'female'));
ALTER TABLE person_identifier
    ADD CONSTRAINT person_identifier_type
        CHECK (type IN ('resident_id', 'hmt_permit', 'foreign_passport', 'birth_certificate'));
ALTER TABLE relation
    ADD CONSTRAINT relation_kind CHECK (kind IN ('spouse', 'child', 'parent', 'sibling', 'other')),
    ADD CONSTRAINT relation_self CHECK (person <> relative);
ALTER TABLE role_binding
    ADD CONSTRAINT role_binding_role CHECK (role IN ('unit_officer', 'hr_verifier', 'reviewer', 'chair', 'finance',
        'auditor', 'system_admin', 'security_admin')),
    ADD CONSTRAINT role_binding_second_person CHECK (approved_by IS DISTINCT FROM granted_by OR approved_by IS NULL);
ALTER TABLE emergency ADD CONSTRAINT emergency_period CHECK (end_on IS NULL OR end_on >= start_on);
ALTER TABLE staff_record
    ADD CONSTRAINT staff_record_state CHECK (state IN ('draft', 'submitted', 'verified', 'returned')),
    ADD CONSTRAINT staff_record_source CHECK (source IN ('worker', 'unit')),
    ADD CONSTRAINT staff_record_population
        CHECK (population IN ('frontline_medical', 'frontline_worker', 'key_project_builder')),
    ADD CONSTRAINT staff_record_certification CHECK (certification IN ('commission_list', 'unit_certified'));
ALTER TABLE service_period
    ADD CONSTRAINT service_period_dispatch CHECK (dispatch IN ('none', 'in_province', 'other_province')),
    ADD CONSTRAINT service_period_period CHECK (to_on IS NULL OR to_on >= from_on);
ALTER TABLE takeover ADD CONSTRAINT takeover_state CHECK (state IN ('open', 'approved', 'refused'));
ALTER TABLE upload
    ADD CONSTRAINT upload_owner CHECK (num_nonnulls(owner_person, owner_union, owner_application) = 1),
    ADD CONSTRAINT upload_state CHECK (state IN ('reserved', 'uploaded', 'checked', 'refused', 'verified', 'rejected',
        'expired')),
    ADD CONSTRAINT upload_malware CHECK (malware IN ('clean', 'found', 'not_scanned'));
ALTER TABLE verdict ADD CONSTRAINT verdict_outcome CHECK (outcome IN ('verified', 'rejected'));
ALTER TABLE notification ADD CONSTRAINT notification_channel CHECK (channel IN ('inbox', 'sms'));
ALTER TABLE programme_version ADD CONSTRAINT programme_version_state CHECK (state IN ('drafted', 'published')),
    ADD CONSTRAINT programme_version_second_person CHECK (published_by IS DISTINCT FROM drafted_by
        OR published_by IS NULL);
ALTER TABLE application
    ADD CONSTRAINT application_subject CHECK (num_nonnulls(subject_person, subject_union, subject_team, subject_group) = 1
        AND CASE subject_kind WHEN 'person' THEN subject_person WHEN 'unit' THEN subject_union
            WHEN 'team' THEN subject_team WHEN 'group' THEN subject_group END IS NOT NULL),
    ADD CONSTRAINT application_state CHECK (state IN ('draft', 'submitted', 'under_review', 'returned', 'on_notice',
        'objected', 'reserve', 'approved', 'confirmed', 'declined', 'lapsed', 'completed', 'rejected', 'withdrawn',
        'granted', 'revoked')),
    ADD CONSTRAINT application_placement CHECK (placement IN ('', 'main', 'reserve'));
ALTER TABLE notice
    ADD CONSTRAINT notice_state CHECK (state IN ('published', 'ended')),
    ADD CONSTRAINT notice_period CHECK (last_on > first_on);
ALTER TABLE objection ADD CONSTRAINT objection_state CHECK (state IN ('open', 'dismissed', 'upheld'));
ALTER TABLE batch
    ADD CONSTRAINT batch_state CHECK (state IN ('drafted', 'open', 'allocated', 'on_notice', 'confirming', 'completed')),
    ADD CONSTRAINT batch_dates CHECK (ends_on >= starts_on AND closes_at > opens_at),
    ADD CONSTRAINT batch_capacity CHECK (capacity > 0),
    ADD CONSTRAINT batch_second_person CHECK (opened_by IS DISTINCT FROM created_by OR opened_by IS NULL),
    ADD CONSTRAINT batch_companion_rule CHECK (companion_rule IN ('none', 'self_paid', 'free'));
ALTER TABLE batch_quota ADD CONSTRAINT batch_quota_places CHECK (places >= 0);
ALTER TABLE stay_request ADD CONSTRAINT stay_request_companions CHECK (companions BETWEEN 0 AND 9);

-- What is never twice.
CREATE UNIQUE INDEX affiliation_once ON affiliation (trade_union, line) WHERE to_on IS NULL;
CREATE UNIQUE INDEX person_identifier_once ON person_identifier (type, digest);
CREATE UNIQUE INDEX relation_once ON relation (person, relative, kind) WHERE to_on IS NULL;
CREATE UNIQUE INDEX role_binding_once ON role_binding (account, role, trade_union) WHERE to_at IS NULL;
CREATE UNIQUE INDEX consent_once ON consent (person, purpose) WHERE withdrawn_at IS NULL;
CREATE UNIQUE INDEX takeover_once ON takeover (account) WHERE state = 'open';
CREATE UNIQUE INDEX notification_once ON notification (occasion, recipient, channel);
CREATE UNIQUE INDEX idempotency_key_once ON idempotency_key (actor, operation, key);
CREATE UNIQUE INDEX programme_version_once ON programme_version (programme, number);
CREATE UNIQUE INDEX application_event_once ON application_event (application, seq);
CREATE UNIQUE INDEX application_facts_once ON application_facts (application, seq);
CREATE UNIQUE INDEX application_document_once ON application_document (application, requirement, upload);
CREATE UNIQUE INDEX review_once ON review (application, stage, round, reviewer);
CREATE UNIQUE INDEX recusal_once ON recusal (application, stage, account);
CREATE UNIQUE INDEX settlement_once ON settlement (application, stage, round);
CREATE UNIQUE INDEX notice_entry_once ON notice_entry (notice, application);
CREATE UNIQUE INDEX objection_once ON objection (entry, by_account);
CREATE UNIQUE INDEX batch_quota_once ON batch_quota (batch, trade_union);
CREATE UNIQUE INDEX stay_request_once ON stay_request (batch, person) WHERE live;

CREATE INDEX application_queue ON application (awaiting_role, acting_union, entered_at, id)
    WHERE awaiting_role NOT IN ('', 'worker');
-- Queues: one index per level, oldest first, over the cases that wait for somebody.
CREATE INDEX application_queue_province ON application (awaiting_role, province_id, entered_at, id)
    WHERE awaiting_role NOT IN ('', 'worker');
CREATE INDEX application_queue_city ON application (awaiting_role, city_id, entered_at, id)
    WHERE awaiting_role NOT IN ('', 'worker');
CREATE INDEX application_queue_county ON application (awaiting_role, county_id, entered_at, id)
    WHERE awaiting_role NOT IN ('', 'worker');
CREATE INDEX application_queue_unit ON application (awaiting_role, unit_id, entered_at, id)
    WHERE awaiting_role NOT IN ('', 'worker');
CREATE INDEX application_mine ON application (subject_person, id DESC);
CREATE INDEX notification_inbox ON notification (recipient, id DESC) WHERE channel = 'inbox';
CREATE INDEX staff_record_waiting ON staff_record (unit_id, updated_at, id) WHERE state = 'submitted';
CREATE INDEX upload_mine ON upload (owner_person, id DESC);
CREATE INDEX audit_entry_at ON audit_entry (at);

CREATE SEQUENCE application_number;

-- The level columns of a union and of all below it, from its primary line: run after every change of affiliation.
CREATE FUNCTION refresh_union_levels() RETURNS void LANGUAGE sql AS $$
    WITH RECURSIVE line (id, level, national_id, province_id, city_id, county_id, unit_id) AS (
        SELECT u.id, u.level,
            CASE u.level WHEN 'national' THEN u.id END, CASE u.level WHEN 'province' THEN u.id END,
            CASE u.level WHEN 'city' THEN u.id END, CASE u.level WHEN 'county' THEN u.id END,
            CASE u.level WHEN 'unit' THEN u.id END
        FROM trade_union u
        WHERE NOT EXISTS (SELECT FROM affiliation a
            WHERE a.trade_union = u.id AND a.line = 'primary' AND a.to_on IS NULL)
        UNION ALL
        SELECT u.id, u.level, l.national_id,
            CASE u.level WHEN 'province' THEN u.id ELSE l.province_id END,
            CASE u.level WHEN 'city' THEN u.id ELSE l.city_id END,
            CASE u.level WHEN 'county' THEN u.id ELSE l.county_id END,
            CASE u.level WHEN 'unit' THEN u.id ELSE l.unit_id END
        FROM line l
        JOIN affiliation a ON a.parent = l.id AND a.line = 'primary' AND a.to_on IS NULL
        JOIN trade_union u ON u.id = a.trade_union
    )
    UPDATE trade_union u
    SET national_id = l.national_id, province_id = l.province_id, city_id = l.city_id, county_id = l.county_id,
        unit_id = l.unit_id
    FROM line l
    WHERE l.id = u.id AND (u.national_id, u.province_id, u.city_id, u.county_id, u.unit_id)
        IS DISTINCT FROM (l.national_id, l.province_id, l.city_id, l.county_id, l.unit_id)
$$;

-- Rights. Nothing is deleted by a process but what it may take back; logs and events are only added to.
GRANT USAGE ON SCHEMA public TO niangjia_api, niangjia_console, niangjia_worker, niangjia_console_admin;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO niangjia_api, niangjia_console, niangjia_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO niangjia_api, niangjia_console, niangjia_worker;
REVOKE UPDATE ON application_event, application_facts, audit_entry, verdict, review, recusal, settlement, notice_entry
    FROM niangjia_api, niangjia_console, niangjia_worker;
REVOKE INSERT, UPDATE ON demo_clock, trade_union, affiliation, policy_row, programme, programme_version, calendar_day
    FROM niangjia_api, niangjia_worker;
REVOKE INSERT, UPDATE ON demo_clock FROM niangjia_console;
REVOKE SELECT, INSERT, UPDATE ON console_user, console_session, console_attempt FROM niangjia_api, niangjia_worker;
REVOKE INSERT, UPDATE ON role_binding, console_account FROM niangjia_api, niangjia_worker;
GRANT DELETE ON service_period, honour, application_document TO niangjia_api, niangjia_console;
-- A record that was never verified, and its nameless person, go once a takeover shows whose they are.
GRANT DELETE ON staff_record, person TO niangjia_api, niangjia_console;
GRANT DELETE ON batch_quota TO niangjia_console;
GRANT DELETE ON login_code, idempotency_key TO niangjia_worker;
