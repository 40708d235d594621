"""PostgreSQL: the store of an engine that runs on several machines, or beside a database that is there already."""
