-- Single orders with Idempotency-Key, a new buyer and key each. Start wrk with a seed after `--`, so that two runs never
-- share a key:  wrk -t1 -c100 -d5s --latency -s tests/bench/orders.lua http://127.0.0.1:7110 -- $RANDOM$RANDOM sku
local seed, sku, n = "0", "bench", 0

function init(args)
  seed = args[1] or "0"
  sku = args[2] or "bench"
end

function request()
  n = n + 1
  local id = seed .. "-" .. n
  local body = '{"buyer":"b' .. id .. '","lines":[{"sku":"' .. sku .. '","quantity":1}]}'
  return wrk.format("POST", "/v1/orders", { ["Content-Type"] = "application/json", ["Idempotency-Key"] = "k" .. id }, body)
end

function done(summary, latency)
  io.write(string.format("requests %d  per_second %.0f  non_2xx %d  p50_ms %.2f  p99_ms %.2f\n", summary.requests,
    summary.requests / summary.duration * 1e6, summary.errors.status, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
