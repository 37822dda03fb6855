-- The data console runs its statements as niangjia_console_admin, inside a transaction that says for whom:
--   app.case_unions        unions whose cases and records the reader may list (comma-separated ids, or empty)
--   app.programme_unions   unions whose programmes and policies the reader may draft
--   app.reference_editor   'on' for who keeps the reference data
--   app.account_reader     'on' for who keeps the accounts
-- A setting that is absent reaches nothing.
CREATE FUNCTION console_unions(setting text) RETURNS uuid[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_to_array(nullif(current_setting(setting, true), ''), ',')::uuid[], '{}')
$$;
CREATE FUNCTION console_may(setting text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(current_setting(setting, true) = 'on', false)
$$;

-- An instant as it is read here: the local day and minute.
CREATE FUNCTION console_time(instant timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT to_char(instant AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI')
$$;

-- The first character and what hides the rest: 陈某某. The name itself is out of reach of who reads the lists, so the
-- functions that mask it run as the owner.
CREATE FUNCTION masked_name(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT left(name, 1) || CASE WHEN char_length(name) > 2 THEN '某某' WHEN name = '' THEN '' ELSE '某' END
$$;
CREATE FUNCTION masked_subject(case_id uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT masked_name(subject_name) FROM application WHERE id = case_id
$$;
CREATE FUNCTION masked_person(person_id uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT masked_name(name) FROM person WHERE id = person_id
$$;
REVOKE EXECUTE ON FUNCTION masked_subject(uuid), masked_person(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION masked_subject(uuid), masked_person(uuid) TO niangjia_console_admin;

-- Cases and records: rows by scope, never a name, a number, a phone or a text.
ALTER TABLE application ENABLE ROW LEVEL SECURITY;
CREATE POLICY application_process ON application TO niangjia_api, niangjia_console, niangjia_worker
    USING (true) WITH CHECK (true);
CREATE POLICY application_listed ON application FOR SELECT TO niangjia_console_admin
    USING (state <> 'draft'
        AND ARRAY[national_id, province_id, city_id, county_id, unit_id] && console_unions('app.case_unions'));
GRANT SELECT (id, number, kind, state, stage, placement, rank, points, papers_required, papers_verified, due_on,
    submitted_at, programme_version, subject_kind, filed_by_officer, awaiting_role,
    national_id, province_id, city_id, county_id, unit_id) ON application TO niangjia_console_admin;

ALTER TABLE staff_record ENABLE ROW LEVEL SECURITY;
CREATE POLICY staff_record_process ON staff_record TO niangjia_api, niangjia_console, niangjia_worker
    USING (true) WITH CHECK (true);
CREATE POLICY staff_record_listed ON staff_record FOR SELECT TO niangjia_console_admin
    USING (state <> 'draft'
        AND ARRAY[national_id, province_id, city_id, county_id, unit_id] && console_unions('app.case_unions'));
GRANT SELECT (id, person, unit, population, job_category, certification, list_version, state,
    national_id, province_id, city_id, county_id, unit_id) ON staff_record TO niangjia_console_admin;

CREATE VIEW case_list WITH (security_invoker = true) AS
    SELECT a.id, a.number, masked_subject(a.id) AS name, coalesce(u.name, c.name, '') AS union_name, p.name_zh AS programme,
        a.state, coalesce((SELECT s ->> 'label_zh' FROM jsonb_array_elements(v.content -> 'route') s
            WHERE s ->> 'key' = a.stage), a.stage) AS stage,
        a.awaiting_role, a.points, a.papers_verified || '/' || a.papers_required AS papers,
        a.due_on, (a.submitted_at AT TIME ZONE 'Asia/Shanghai')::date AS submitted_on
    FROM application a
    JOIN programme_version v ON v.id = a.programme_version
    JOIN programme p ON p.id = v.programme
    LEFT JOIN trade_union u ON u.id = a.unit_id
    LEFT JOIN trade_union c ON c.id = coalesce(a.county_id, a.city_id);
CREATE VIEW staff_list WITH (security_invoker = true) AS
    SELECT r.id, masked_person(r.person) AS name, u.name AS union_name, r.population, r.job_category, r.certification,
        r.list_version, r.state
    FROM staff_record r
    JOIN trade_union u ON u.id = r.unit;

-- Batches and notices have a lifecycle and show nobody.
CREATE VIEW batch_list WITH (security_invoker = true) AS
    SELECT b.id, b.name, o.name AS organiser_name, s.name AS sanatorium_name, b.starts_on, b.ends_on, b.capacity,
        b.cost_per_day_fen, b.funding_source, console_time(b.opens_at) AS opens_at, console_time(b.closes_at) AS closes_at,
        b.state
    FROM batch b
    JOIN trade_union o ON o.id = b.organiser
    JOIN sanatorium s ON s.id = b.sanatorium;
CREATE VIEW notice_list WITH (security_invoker = true) AS
    SELECT n.id, n.title_zh, u.name AS union_name, n.first_on, n.last_on, n.working_days, n.state, n.result
    FROM notice n
    JOIN trade_union u ON u.id = n.trade_union;
GRANT SELECT ON batch TO niangjia_console_admin;
GRANT SELECT (id, title_zh, trade_union, first_on, last_on, working_days, state, result) ON notice
    TO niangjia_console_admin;
GRANT SELECT ON case_list, staff_list, batch_list, notice_list TO niangjia_console_admin;

-- Reference data: read by everybody at the console, kept by few, deleted by nobody.
GRANT SELECT ON trade_union, affiliation, calendar_day, sanatorium, emergency, policy_row, programme,
    programme_version TO niangjia_console_admin;
GRANT UPDATE (name, short_name, kind, uscc, area_code, active) ON trade_union TO niangjia_console_admin;
GRANT INSERT, UPDATE ON sanatorium, emergency TO niangjia_console_admin;

-- A calendar day under a key that the data console can put into an address.
CREATE VIEW calendar_entry WITH (security_invoker = true) AS
    SELECT to_char(day, 'YYYYMMDD')::integer AS id, day, working, name FROM calendar_day;
GRANT SELECT ON calendar_entry TO niangjia_console_admin;
GRANT UPDATE (working, name) ON calendar_entry, calendar_day TO niangjia_console_admin;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['trade_union', 'calendar_day', 'sanatorium', 'emergency'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY %I ON %I TO niangjia_api, niangjia_console, niangjia_worker'
            ' USING (true) WITH CHECK (true)', name || '_process', name);
        EXECUTE format('CREATE POLICY %I ON %I FOR SELECT TO niangjia_console_admin USING (true)',
            name || '_read', name);
        EXECUTE format('CREATE POLICY %I ON %I FOR INSERT TO niangjia_console_admin'
            ' WITH CHECK (console_may(''app.reference_editor''))', name || '_added', name);
        EXECUTE format('CREATE POLICY %I ON %I FOR UPDATE TO niangjia_console_admin'
            ' USING (console_may(''app.reference_editor''))', name || '_kept', name);
    END LOOP;
END
$$;

-- Programmes and policies: drafted by the organiser's own people; what a published version rests on stays as it is.
GRANT INSERT (id, kind, organiser, code, name_zh, name_en), UPDATE (name_zh, name_en) ON programme
    TO niangjia_console_admin;
GRANT UPDATE (content, drafted_by) ON programme_version TO niangjia_console_admin;
GRANT INSERT, UPDATE (topic, effective_from, effective_to, rules, clause) ON policy_row TO niangjia_console_admin;

ALTER TABLE programme ENABLE ROW LEVEL SECURITY;
CREATE POLICY programme_process ON programme TO niangjia_api, niangjia_console, niangjia_worker
    USING (true) WITH CHECK (true);
CREATE POLICY programme_read ON programme FOR SELECT TO niangjia_console_admin USING (true);
CREATE POLICY programme_added ON programme FOR INSERT TO niangjia_console_admin
    WITH CHECK (organiser = ANY (console_unions('app.programme_unions')));
CREATE POLICY programme_kept ON programme FOR UPDATE TO niangjia_console_admin
    USING (organiser = ANY (console_unions('app.programme_unions')));

ALTER TABLE programme_version ENABLE ROW LEVEL SECURITY;
CREATE POLICY programme_version_process ON programme_version TO niangjia_api, niangjia_console, niangjia_worker
    USING (true) WITH CHECK (true);
CREATE POLICY programme_version_read ON programme_version FOR SELECT TO niangjia_console_admin
    USING (state = 'published' OR EXISTS (SELECT FROM programme p
        WHERE p.id = programme AND p.organiser = ANY (console_unions('app.programme_unions'))));
CREATE POLICY programme_version_kept ON programme_version FOR UPDATE TO niangjia_console_admin
    USING (state = 'drafted' AND EXISTS (SELECT FROM programme p
        WHERE p.id = programme AND p.organiser = ANY (console_unions('app.programme_unions'))));

-- The definer's right is needed: whether a policy row is in use must not depend on what its reader may see.
CREATE FUNCTION policy_row_in_use(policy uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT EXISTS (SELECT FROM programme_version v
        WHERE v.state = 'published' AND v.content -> 'policies' ? policy::text)
$$;
ALTER TABLE policy_row ENABLE ROW LEVEL SECURITY;
CREATE POLICY policy_row_process ON policy_row TO niangjia_api, niangjia_console, niangjia_worker
    USING (true) WITH CHECK (true);
CREATE POLICY policy_row_read ON policy_row FOR SELECT TO niangjia_console_admin USING (true);
CREATE POLICY policy_row_added ON policy_row FOR INSERT TO niangjia_console_admin
    WITH CHECK (trade_union = ANY (console_unions('app.programme_unions')));
CREATE POLICY policy_row_kept ON policy_row FOR UPDATE TO niangjia_console_admin
    USING (trade_union = ANY (console_unions('app.programme_unions')) AND NOT policy_row_in_use(id));

-- Accounts and roles: for the security administrator, without passwords and secrets.
ALTER TABLE console_account ENABLE ROW LEVEL SECURITY;
CREATE POLICY console_account_process ON console_account TO niangjia_api, niangjia_console, niangjia_worker
    USING (true) WITH CHECK (true);
CREATE POLICY console_account_read ON console_account FOR SELECT TO niangjia_console_admin
    USING (console_may('app.account_reader'));
ALTER TABLE role_binding ENABLE ROW LEVEL SECURITY;
CREATE POLICY role_binding_process ON role_binding TO niangjia_api, niangjia_console, niangjia_worker
    USING (true) WITH CHECK (true);
CREATE POLICY role_binding_read ON role_binding FOR SELECT TO niangjia_console_admin
    USING (console_may('app.account_reader'));
CREATE VIEW account_list WITH (security_invoker = true) AS
    SELECT c.id, u.username, c.name, e.name AS employer_name, u.active AND c.active AS active,
        c.totp_counter > 0 AS enrolled, u.last_login
    FROM console_account c
    JOIN console_user u ON u.id = c.login
    LEFT JOIN trade_union e ON e.id = c.employer;
CREATE VIEW role_list WITH (security_invoker = true) AS
    SELECT b.id, u.username, c.name, b.role, t.name AS union_name, b.approved_by IS NOT NULL AS approved,
        console_time(b.from_at) AS from_at, console_time(b.to_at) AS to_at
    FROM role_binding b
    JOIN console_account c ON c.id = b.account
    JOIN console_user u ON u.id = c.login
    JOIN trade_union t ON t.id = b.trade_union;
GRANT SELECT (id, login, name, employer, active, totp_counter) ON console_account TO niangjia_console_admin;
GRANT SELECT (id, username, active, last_login) ON console_user TO niangjia_console_admin;
GRANT SELECT ON role_binding, account_list, role_list TO niangjia_console_admin;

-- What is changed here is on record.
GRANT INSERT, SELECT (id) ON audit_entry TO niangjia_console_admin;
