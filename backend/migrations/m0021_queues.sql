-- The queues of the desk beside what waits: overdue, returned, and everything of a unit or a county.
CREATE INDEX application_overdue_province ON application (province_id, due_on) WHERE awaiting_role NOT IN ('', 'worker');
CREATE INDEX application_overdue_city ON application (city_id, due_on) WHERE awaiting_role NOT IN ('', 'worker');
CREATE INDEX application_overdue_county ON application (county_id, due_on) WHERE awaiting_role NOT IN ('', 'worker');
CREATE INDEX application_overdue_unit ON application (unit_id, due_on) WHERE awaiting_role NOT IN ('', 'worker');
CREATE INDEX application_returned_province ON application (province_id, entered_at, id) WHERE state = 'returned';
CREATE INDEX application_returned_city ON application (city_id, entered_at, id) WHERE state = 'returned';
CREATE INDEX application_returned_county ON application (county_id, entered_at, id) WHERE state = 'returned';
CREATE INDEX application_returned_unit ON application (unit_id, entered_at, id) WHERE state = 'returned';
CREATE INDEX application_of_county ON application (county_id, id);
CREATE INDEX application_of_unit ON application (unit_id, id);
