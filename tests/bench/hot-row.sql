-- One order on one hot row, for pgbench. Both writes in one statement, which is a transaction: the row is locked for one sync
-- and no round trip.
\set number random(1, 9223372036854775806)
WITH taken AS (UPDATE stock SET units = units - 1 WHERE sku = 'bench' AND units >= 1 RETURNING sku)
INSERT INTO orders (key, buyer, sku, quantity) SELECT 'k' || :number::bigint, 'b' || :number::bigint, sku, 1 FROM taken;
