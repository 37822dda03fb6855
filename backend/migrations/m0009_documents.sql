-- A large file comes in parts: the store's id of the unfinished upload.
ALTER TABLE upload ADD COLUMN store_upload VARCHAR(300) NOT NULL DEFAULT '';
-- Files of one account that are still in quarantine are counted before it may send more.
CREATE INDEX upload_under_way ON upload (reserved_by) WHERE state IN ('reserved', 'uploaded');
DROP INDEX upload_reserved_by;
-- What the sweep looks for, so that it reads no more than it ends.
CREATE INDEX upload_reserved ON upload (reserved_at) WHERE state = 'reserved';
CREATE INDEX upload_ends ON upload (expires_on) WHERE state = 'verified' AND expires_on IS NOT NULL;

-- How long a paper is kept once a case that used it has ended; the most specific rule of the day applies.
CREATE TABLE retention_rule (
    id UUID PRIMARY KEY,
    case_kind VARCHAR(20) NOT NULL DEFAULT '',
    paper_kind VARCHAR(30) NOT NULL DEFAULT '',
    outcome VARCHAR(10) NOT NULL DEFAULT '',
    keep_days INTEGER NOT NULL DEFAULT 0,
    clause VARCHAR(200) NOT NULL DEFAULT '',
    effective_from DATE NOT NULL DEFAULT CURRENT_DATE
);
CREATE UNIQUE INDEX retention_rule_once ON retention_rule (case_kind, paper_kind, outcome, effective_from);
ALTER TABLE retention_rule
    ADD CONSTRAINT retention_rule_outcome CHECK (outcome IN ('granted', 'refused', 'withdrawn')),
    ADD CONSTRAINT retention_rule_days CHECK (keep_days >= 0);
-- The terms are each union's to settle; these stand until it does.
INSERT INTO retention_rule (id, case_kind, paper_kind, outcome, keep_days, clause, effective_from) VALUES
    (gen_random_uuid(), '', '', 'granted', 3653, '给付与支出凭证不少于 10 年(期限由本级工会核定)', '2020-01-01'),
    (gen_random_uuid(), 'commendation', '', 'granted', 10958,
        '表彰奖励档案保管 30 年(参照国家档案局令第 8 号,期限由本级工会核定)', '2020-01-01'),
    (gen_random_uuid(), '', 'health_declaration', 'granted', 180, '健康筛查信息用后即删,留存至异议期满', '2020-01-01'),
    (gen_random_uuid(), '', '', 'refused', 180, '留存至异议和申诉期满', '2020-01-01'),
    (gen_random_uuid(), '', '', 'withdrawn', 0, '申请已撤回,处理目的不再存在(个人信息保护法第四十七条)', '2020-01-01');

-- `kept_until` is the day after which a paper is looked at again, `locked_until` what the store was told.
ALTER TABLE upload
    ADD COLUMN kept_until DATE,
    ADD COLUMN locked_until DATE,
    ADD COLUMN erased_at TIMESTAMPTZ,
    DROP CONSTRAINT upload_state,
    ADD CONSTRAINT upload_state CHECK (state IN ('reserved', 'uploaded', 'checked', 'refused', 'verified', 'rejected',
        'expired', 'erased'));
CREATE INDEX upload_kept ON upload (kept_until) WHERE kept_until IS NOT NULL AND state <> 'erased';

-- What a worker asked to have erased, and the answer: how many papers went, and for each that stayed why.
CREATE TABLE erasure_request (
    id UUID PRIMARY KEY,
    person UUID NOT NULL REFERENCES person (id) ON DELETE RESTRICT,
    asked_by UUID NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL,
    reason VARCHAR(500) NOT NULL DEFAULT '',
    erased INTEGER NOT NULL DEFAULT 0,
    kept JSONB NOT NULL DEFAULT '[]'
);
CREATE INDEX erasure_request_person ON erasure_request (person);

GRANT SELECT ON retention_rule TO niangjia_api, niangjia_console, niangjia_worker;
GRANT SELECT, INSERT ON erasure_request TO niangjia_api;
GRANT SELECT ON erasure_request TO niangjia_console, niangjia_worker;

-- One household register may answer for several of those whom a case is about.
DROP INDEX application_document_once;
CREATE UNIQUE INDEX application_document_once ON application_document (application, requirement, upload, person)
    NULLS NOT DISTINCT;
