-- Puts through etcd's JSON gateway: a new key each, a value as long as an order's body. Keys and values are base64 there.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "told.lua")

local seed, n = 0, 0
local value = string.rep("b3Jk", 24)

function init(args)
  seed = tonumber(args[1] or "0") % 2 ^ 32
end

function request()
  n = n + 1
  local body = string.format('{"key":"%08x%08x","value":"%s"}', seed, n, value)
  return wrk.format("POST", "/v3/kv/put", { ["Content-Type"] = "application/json" }, body)
end
