-- A unit that moves takes its records of staff along; cases keep the line that they were sent in under.
ALTER FUNCTION refresh_union_levels() RENAME TO refresh_levels_of_unions;
CREATE FUNCTION refresh_union_levels() RETURNS void LANGUAGE sql AS $$
    SELECT refresh_levels_of_unions();
    UPDATE staff_record r
    SET national_id = u.national_id, province_id = u.province_id, city_id = u.city_id, county_id = u.county_id,
        unit_id = u.unit_id
    FROM trade_union u
    WHERE u.id = r.unit AND (r.national_id, r.province_id, r.city_id, r.county_id, r.unit_id)
        IS DISTINCT FROM (u.national_id, u.province_id, u.city_id, u.county_id, u.unit_id)
$$;

-- Of the data console two settings more:
--   app.reference_unions   unions that the reader keeps, with all below them
--   app.account_unions     unions whose roles the reader sees, with all below them
DROP POLICY trade_union_kept ON trade_union;
CREATE POLICY trade_union_kept ON trade_union FOR UPDATE TO niangjia_console_admin
    USING (console_may('app.reference_editor')
        AND ARRAY[national_id, province_id, city_id, county_id, unit_id] && console_unions('app.reference_unions'));
DROP POLICY role_binding_read ON role_binding;
CREATE POLICY role_binding_read ON role_binding FOR SELECT TO niangjia_console_admin
    USING (console_may('app.account_reader') AND EXISTS (SELECT FROM trade_union u WHERE u.id = trade_union
        AND ARRAY[u.national_id, u.province_id, u.city_id, u.county_id, u.unit_id]
            && console_unions('app.account_unions')));
