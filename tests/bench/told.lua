-- The line that every script here ends with; `expected` counts the answers as they should be. The others include this file.
function tell(summary, latency, expected)
  local errors = summary.errors
  local seconds = summary.duration / 1e6
  io.write(string.format("requests %d  seconds %.3f  per_second %.0f  expected %d  non_2xx %d  lost %d  p50_ms %.3f  p99_ms %.3f\n",
    summary.requests, seconds, summary.requests / seconds, expected, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end

-- Only refusals are wanted where refusals are measured.
function done(summary, latency)
  tell(summary, latency, summary.requests - summary.errors.status)
end

-- HOLDFAST_BENCH_TARGETS names more than one server, as host:port separated by commas: threads take them in turn.
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("thread_number", threads)
  local targets = {}
  for host, port in string.gmatch(os.getenv("HOLDFAST_BENCH_TARGETS") or "", "([^:,]+):(%d+)") do
    table.insert(targets, wrk.lookup(host, port)[1])
  end
  if #targets > 0 then
    thread.addr = targets[(threads - 1) % #targets + 1]
  end
end

-- Orders of one unit of one SKU, or of `many` numbered ones in turn, each with a buyer and a key that no other order of any run has, given a seed of its own for each run.
local prefix, sku, skus, n = "0-", "bench", nil, 0

function orders_of(seed, of, many)
  prefix = (seed or "0") .. "-" .. (thread_number or 1) .. "-"
  sku = of or sku
  skus = tonumber(many)
end

function order()
  n = n + 1
  local id = prefix .. n
  local of = skus and sku .. "-" .. n % skus or sku
  local body = '{"buyer":"b' .. id .. '","lines":[{"sku":"' .. of .. '","quantity":1}]}'
  return wrk.format("POST", "/v1/orders", { ["Content-Type"] = "application/json", ["Idempotency-Key"] = "k" .. id }, body)
end
