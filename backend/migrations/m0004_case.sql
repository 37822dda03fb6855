-- Everybody whom a case is about: for conflicts of interest a team or a family counts like a single person.
CREATE TABLE application_person (
    id UUID PRIMARY KEY,
    application UUID NOT NULL REFERENCES application (id) ON DELETE RESTRICT,
    person UUID NOT NULL REFERENCES person (id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX application_person_once ON application_person (application, person);
CREATE INDEX application_person_person ON application_person (person);
INSERT INTO application_person (id, application, person)
    SELECT gen_random_uuid(), id, subject_person FROM application WHERE subject_person IS NOT NULL;

-- What somebody did on the phone counts for the same person at the console.
ALTER TABLE application_event ADD COLUMN actor_person UUID;

-- A notice stands over the cases of one programme version; an aggregate is not needed.
ALTER TABLE notice ADD COLUMN programme_version UUID REFERENCES programme_version (id) ON DELETE RESTRICT;
UPDATE notice n SET programme_version = (SELECT a.programme_version FROM notice_entry e
    JOIN application a ON a.id = e.application WHERE e.notice = n.id LIMIT 1);
ALTER TABLE notice ALTER COLUMN programme_version SET NOT NULL, ALTER COLUMN aggregate DROP NOT NULL;
CREATE INDEX notice_programme_version ON notice (programme_version);

CREATE INDEX application_filed ON application (submitted_by, id DESC);
DROP INDEX application_submitted_by;

GRANT SELECT, INSERT ON application_person TO niangjia_api, niangjia_console, niangjia_worker;
GRANT DELETE ON application_person TO niangjia_api, niangjia_console;
