CREATE TABLE certificate (
    id UUID PRIMARY KEY,
    kind VARCHAR(20) NOT NULL DEFAULT '',
    subject UUID NOT NULL,
    number VARCHAR(40) UNIQUE NOT NULL DEFAULT '',
    token VARCHAR(40) UNIQUE NOT NULL DEFAULT '',
    shown JSONB NOT NULL DEFAULT '{}',
    issued_at TIMESTAMPTZ NOT NULL,
    issued_by UUID NOT NULL,
    state VARCHAR(10) NOT NULL DEFAULT 'valid',
    state_at TIMESTAMPTZ NOT NULL,
    state_reason VARCHAR(300) NOT NULL DEFAULT ''
);

ALTER TABLE certificate
    ADD CONSTRAINT certificate_number CHECK (number <> ''),
    ADD CONSTRAINT certificate_token CHECK (char_length(token) >= 22),
    ADD CONSTRAINT certificate_state CHECK (state IN ('valid', 'ended', 'revoked')),
    ADD CONSTRAINT certificate_revoked_why CHECK (state <> 'revoked' OR state_reason <> '');
CREATE UNIQUE INDEX certificate_once ON certificate (kind, subject);

-- What was issued stays as it is: a process may change no more than the state.
GRANT SELECT, INSERT, UPDATE (state, state_at, state_reason) ON certificate
    TO niangjia_api, niangjia_console, niangjia_worker;
