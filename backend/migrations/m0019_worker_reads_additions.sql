-- Keeping and erasing papers by rule asks which additions rest on them; without this every such job of the worker failed.
GRANT SELECT ON identifier_addition TO niangjia_worker;
