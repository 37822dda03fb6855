-- What no seal covers yet. A trigger writes it in the transaction of the row itself, so nothing is sealed before it is
-- committed and nothing is forgotten.
CREATE TABLE unsealed (
    id UUID PRIMARY KEY,
    source VARCHAR(30) NOT NULL DEFAULT ''
);
CREATE INDEX unsealed_source ON unsealed (source, id);

CREATE TABLE seal (
    number BIGINT PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    source VARCHAR(30) NOT NULL DEFAULT '',
    columns TEXT[] NOT NULL DEFAULT '{}',
    rows UUID[] NOT NULL DEFAULT '{}',
    digest BYTEA NOT NULL DEFAULT '',
    previous BYTEA NOT NULL DEFAULT '',
    hash BYTEA NOT NULL DEFAULT '',
    signature BYTEA NOT NULL DEFAULT ''
);

CREATE FUNCTION await_seal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    INSERT INTO unsealed (id, source) VALUES (NEW.id, TG_TABLE_NAME);
    RETURN NULL;
END
$$;
CREATE TRIGGER application_event_sealed AFTER INSERT ON application_event
    FOR EACH ROW EXECUTE FUNCTION await_seal();
CREATE TRIGGER audit_entry_sealed AFTER INSERT ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION await_seal();
INSERT INTO unsealed (id, source) SELECT id, 'application_event' FROM application_event;
INSERT INTO unsealed (id, source) SELECT id, 'audit_entry' FROM audit_entry;

GRANT SELECT, DELETE ON unsealed TO niangjia_worker;
GRANT SELECT, INSERT ON seal TO niangjia_worker;
GRANT SELECT ON seal, unsealed TO niangjia_console;
