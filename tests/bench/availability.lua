-- What is left of a SKU.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "told.lua")

local get

function init(args)
  get = wrk.format("GET", "/v1/skus/" .. (args[2] or "bench") .. "/availability")
end

function request()
  return get
end
