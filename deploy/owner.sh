#!/bin/bash
# On the first start of an empty PostgreSQL: the role that owns the tables, and its database. Migrations make the rest.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$NIANGJIA_OWNER_DB_PASSWORD" -U "$POSTGRES_USER" -d postgres <<'SQL'
CREATE ROLE niangjia_owner LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE niangjia OWNER niangjia_owner;
SQL
