-- Says, with the commit, whose login, name or unit changed: every process that remembers an actor forgets it then. The
-- argument of a trigger names the column with the account's or the person's id.
CREATE FUNCTION tell_actor_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed UUID := (to_jsonb(NEW) ->> TG_ARGV[0])::uuid;
BEGIN
    PERFORM pg_notify('actor_changed', changed::text);
    IF TG_OP = 'UPDATE' AND (to_jsonb(OLD) ->> TG_ARGV[0])::uuid <> changed THEN
        PERFORM pg_notify('actor_changed', to_jsonb(OLD) ->> TG_ARGV[0]);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER token_family_changed AFTER UPDATE OF ended_at ON token_family
    FOR EACH ROW EXECUTE FUNCTION tell_actor_changed('account');
CREATE TRIGGER worker_account_changed AFTER UPDATE OF person, phone_masked ON worker_account
    FOR EACH ROW EXECUTE FUNCTION tell_actor_changed('id');
CREATE TRIGGER person_changed AFTER UPDATE OF name ON person
    FOR EACH ROW EXECUTE FUNCTION tell_actor_changed('id');
CREATE TRIGGER staff_record_changed AFTER UPDATE OF unit, person ON staff_record
    FOR EACH ROW EXECUTE FUNCTION tell_actor_changed('person');

-- A unit may report somebody who is logged in already; most whom it reports are not.
CREATE FUNCTION tell_actor_reported() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM worker_account WHERE person = NEW.person) THEN
        PERFORM pg_notify('actor_changed', NEW.person::text);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER staff_record_reported AFTER INSERT ON staff_record
    FOR EACH ROW EXECUTE FUNCTION tell_actor_reported();
