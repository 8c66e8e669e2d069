-- What hot-row.sql writes to.
CREATE TABLE stock (sku text PRIMARY KEY, units bigint NOT NULL CHECK (units >= 0));
CREATE TABLE orders (
  key text PRIMARY KEY,
  id bigint GENERATED ALWAYS AS IDENTITY,
  buyer text NOT NULL,
  sku text NOT NULL,
  quantity integer NOT NULL,
  status text NOT NULL DEFAULT 'held',
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO stock VALUES ('bench', 100000000000);
