-- What the copy for others is; empty where there is none: before the check, and for papers checked before this came
-- (`niangjia documents audit --repair redraw` makes theirs).
ALTER TABLE upload ADD COLUMN shared_type VARCHAR(20) NOT NULL DEFAULT '';

-- Which rule keeps what is read by everybody at the console; a rule is never changed, a later one takes its place.
GRANT SELECT ON retention_rule TO niangjia_console_admin;
