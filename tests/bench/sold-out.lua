-- Orders of a SKU that is sold out: refusals are what is wanted. What they were for is not read, which would cost more than they do:
-- who runs this asks the server.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "told.lua")

function init(args)
  orders_of(args[1], args[2] or "gone")
end

request = order

function done(summary, latency)
  tell(summary, latency, summary.errors.status)
end
