CREATE TABLE orders (
    id integer PRIMARY KEY,
    customer text NOT NULL,
    total numeric(12, 2) NOT NULL,
    spent numeric(12, 2) NOT NULL -- by the customer, this order included
);

CREATE TABLE settings (
    key varchar PRIMARY KEY,
    value varchar NOT NULL,
    version varchar NOT NULL,
    metadata json
);
INSERT INTO settings VALUES ('discount', '0', '1'); -- per cent, off each new order
