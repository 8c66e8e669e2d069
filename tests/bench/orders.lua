-- Single orders with Idempotency-Key, a new buyer and key each. Start wrk with a seed after `--`, so that two runs never
-- share a key:  wrk -t1 -c100 -d5s --latency -s tests/bench/orders.lua http://127.0.0.1:7110 -- $RANDOM$RANDOM sku
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "told.lua")

function init(args)
  orders_of(args[1], args[2], args[3])
end

request = order
