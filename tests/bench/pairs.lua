-- Orders, each confirmed as soon as it is held. With `read` as third argument none is confirmed, and answers are read all
-- the same: what the pairs are compared with, since reading answers costs wrk more than an answer costs a server.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "told.lua")

local confirms = true
local held = {}

function init(args)
  orders_of(args[1], args[2])
  confirms = args[3] ~= "read"
end

function request()
  local id = table.remove(held)
  if id then
    return wrk.format("POST", "/v1/orders/" .. id .. "/confirm")
  end
  return order()
end

function response(status, headers, body)
  local id = status == 201 and body:match('^{"id":"(%w+)"')
  if id and confirms then
    table.insert(held, id)
  end
end
