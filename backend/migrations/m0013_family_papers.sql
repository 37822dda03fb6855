-- Whether a paper may be erased depends on the cases that rest on what it shows.
CREATE INDEX relation_evidence ON relation (evidence) WHERE evidence IS NOT NULL;
CREATE INDEX consent_paper ON consent (paper) WHERE paper IS NOT NULL;
CREATE INDEX identifier_addition_evidence ON identifier_addition (evidence);
